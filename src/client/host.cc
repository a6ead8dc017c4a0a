#include "homa/host.h"

#include <utility>

#include "base/types.h"
#include "client/host_state.h"
#include "client/socket_state.h"

namespace homa {

namespace {
Error host_moved() { return {ErrorCode::kClosed, "this Host was moved from"}; }
}  // namespace

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
  auto state = client::HostState::open(config);
  if (!state) return Unexpected(state.error());
  return Host(std::move(state).value());
}

Result<Socket, Error> Host::client() {
  if (!state_) return Unexpected(host_moved());
  auto socket = state_->open_socket(0);
  if (!socket) return Unexpected(socket.error());
  return Socket(std::move(socket).value());
}

Result<Socket, Error> Host::serve(std::uint16_t port) {
  if (!state_) return Unexpected(host_moved());
  if (port == 0 || port >= kFirstClientPort) {
    return Unexpected(Error{ErrorCode::kInvalidArgument,
                            "servers have ports 1 to 32767, not " + std::to_string(port)});
  }
  auto socket = state_->open_socket(port);
  if (!socket) return Unexpected(socket.error());
  return Socket(std::move(socket).value());
}

Address Host::address() const { return state_ ? state_->address() : Address{}; }

std::string Host::description() const { return state_ ? state_->description() : host_moved().text; }

std::vector<Counter> Host::counters() const {
  return state_ ? state_->counters() : std::vector<Counter>{};
}

std::size_t Host::poll() { return state_ ? state_->poll() : 0; }

}  // namespace homa
