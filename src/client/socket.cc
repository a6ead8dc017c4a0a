#include "homa/socket.h"

#include <utility>

#include "client/socket_state.h"

namespace homa {

namespace {
Unexpected<Error> not_open() {
  return Unexpected(Error{ErrorCode::kClosed, "this Socket was never opened, or was closed"});
}
}  // namespace

Socket::Socket(std::shared_ptr<client::SocketState> state) : state_(std::move(state)) {}
Socket::Socket(Socket&&) noexcept = default;

Socket& Socket::operator=(Socket&& other) noexcept {
  std::swap(state_, other.state_);
  return *this;
}

Socket::~Socket() { close(); }

bool Socket::is_open() const { return state_ && state_->is_open(); }
std::uint16_t Socket::port() const { return state_ ? state_->port() : 0; }

Result<RpcHandle, Error> Socket::send(const SocketAddress& server,
                                      std::span<const std::byte> request,
                                      const SendOptions& options) {
  if (!state_) return not_open();
  return state_->send(server, request, options);
}

Result<Message, Error> Socket::receive(Timeout timeout) {
  if (!state_) return not_open();
  return state_->receive(timeout);
}

Result<Message, Error> Socket::receive_response(RpcHandle rpc, Timeout timeout) {
  if (!state_) return not_open();
  return state_->receive_response(rpc, timeout);
}

Result<Message, Error> Socket::call(const SocketAddress& server, std::span<const std::byte> request,
                                    Timeout timeout) {
  if (!state_) return not_open();
  return state_->call(server, request, timeout);
}

Result<void, Error> Socket::reply(RpcHandle rpc, std::span<const std::byte> response) {
  if (!state_) return not_open();
  return state_->reply(rpc, response);
}

Result<void, Error> Socket::abort(RpcHandle rpc, ErrorCode code) {
  if (!state_) return not_open();
  return state_->abort(rpc, code);
}

Result<void, Error> Socket::abort_all(ErrorCode code) {
  if (!state_) return not_open();
  return state_->abort_all(code);
}

int Socket::descriptor() const { return state_ ? state_->descriptor() : -1; }

void Socket::shutdown() {
  if (state_) state_->shutdown();
}

// Threads that are inside a call keep the state alive until they return with kClosed.
void Socket::close() {
  if (state_) state_->shutdown();
}

Result<SocketStatus, Error> Socket::status() const {
  if (!state_) return not_open();
  return state_->status();
}

}  // namespace homa
