#include "homa/host.h"

#include <new>
#include <utility>

#include "base/types.h"
#include "client/guard.h"
#include "client/host_state.h"
#include "client/process_mark.h"
#include "client/socket_state.h"

namespace homa {

Host::Host(std::shared_ptr<client::HostState> state) : state_(std::move(state)) {}
Host::Host(Host&&) noexcept = default;

Host& Host::operator=(Host&& other) noexcept {
  std::swap(state_, other.state_);
  return *this;
}

Host::~Host() {
  if (state_) state_->stop();
}

Result<Host, Error> Host::open(const HostConfig& config) {
  return client::without_throwing([&]() -> Result<Host, Error> {
    auto state = client::HostState::open(config);
    if (!state) return Unexpected(state.error());
    return Host(std::move(state).value());
  });
}

Result<Socket, Error> Host::open_socket(std::uint16_t port, bool own_memory) {
  return client::without_throwing([&]() -> Result<Socket, Error> {
    if (!state_) return failure(ErrorCode::kClosed, "this Host was moved from");
    if (state_->inherited()) return Unexpected(client::wrong_process());
    auto socket = state_->open_socket(port, own_memory);
    if (!socket) return Unexpected(socket.error());
    return Socket(std::move(socket).value());
  });
}

Result<Socket, Error> Host::client() { return open_socket(0); }

Result<Socket, Error> Host::client_with_own_memory() { return open_socket(0, true); }

Result<Socket, Error> Host::serve(std::uint16_t port) {
  if (port > 0 && port < kFirstClientPort) return open_socket(port);
  return client::without_throwing([&]() -> Result<Socket, Error> {
    return failure(ErrorCode::kInvalidArgument,
                   "servers have ports 1 to 32767, not " + std::to_string(port));
  });
}

Address Host::address() const { return state_ ? state_->address() : Address{}; }

std::string Host::description() const {
  try {
    return state_ ? state_->description() : "this Host was moved from";
  } catch (const std::bad_alloc&) {
    return {};
  }
}

std::vector<Counter> Host::counters() const {
  try {
    return state_ ? state_->counters() : std::vector<Counter>{};
  } catch (const std::bad_alloc&) {
    return {};
  }
}

std::size_t Host::poll() { return state_ && !state_->inherited() ? state_->poll() : 0; }

}  // namespace homa
