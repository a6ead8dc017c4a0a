#include "homa/message.h"

#include <utility>

#include "client/socket_state.h"

namespace homa {

Message::Message(Message&& other) noexcept { *this = std::move(other); }

Message& Message::operator=(Message&& other) noexcept {
  if (this == &other) return *this;
  release();
  kind_ = other.kind_;
  error_ = other.error_;
  executed_ = other.executed_;
  rpc_ = other.rpc_;
  cookie_ = other.cookie_;
  buffer_ = other.buffer_;
  peer_ = other.peer_;
  bytes_ = std::exchange(other.bytes_, {});
  owner_ = std::move(other.owner_);
  return *this;
}

Message::~Message() { release(); }

void Message::release() {
  bytes_ = {};
  if (const auto owner = std::exchange(owner_, nullptr)) owner->release(buffer_);
}

}  // namespace homa
