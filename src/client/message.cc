#include "homa/message.h"

#include <new>
#include <utility>

#include "client/socket_state.h"
#include "client/words.h"

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
  total_ = other.total_;
  peer_ = other.peer_;
  bytes_ = std::exchange(other.bytes_, {});
  owner_ = std::move(other.owner_);
  return *this;
}

Message::~Message() { release(); }

Error Message::failure() const {
  if (kind_ != Kind::kFailure) return {};
  try {
    return client::failure_in_words(error_, executed_, peer_);
  } catch (const std::bad_alloc&) {
    return {error_, {}, executed_};
  }
}

void Message::release() {
  bytes_ = {};
  const auto owner = std::exchange(owner_, nullptr);
  if (!owner) return;
  if (kind_ == Kind::kHead) {
    owner->refuse_unseen(rpc_, buffer_);
  } else {
    owner->release(buffer_);
  }
}

PreparedMessage::PreparedMessage(PreparedMessage&& other) noexcept { *this = std::move(other); }

PreparedMessage& PreparedMessage::operator=(PreparedMessage&& other) noexcept {
  if (this == &other) return *this;
  release();
  bytes_ = std::exchange(other.bytes_, {});
  memory_ = other.memory_;
  owner_ = std::move(other.owner_);
  return *this;
}

PreparedMessage::~PreparedMessage() { release(); }

void PreparedMessage::release() {
  bytes_ = {};
  if (const auto owner = std::exchange(owner_, nullptr)) owner->discard(memory_);
}

}  // namespace homa
