#include "homa/socket.h"

#include <utility>

#include "client/guard.h"
#include "client/process_mark.h"
#include "client/socket_state.h"

namespace homa {

namespace {

using client::SocketState;

// Calls an open socket. Throws nothing.
template <typename Call>
auto call_open(const std::shared_ptr<SocketState>& socket, Call call) noexcept
    -> decltype(call(*socket)) {
  return client::without_throwing([&]() -> decltype(call(*socket)) {
    if (!socket) return failure(ErrorCode::kClosed, "this Socket was never opened, or was closed");
    if (socket->inherited()) return Unexpected(client::wrong_process());
    return call(*socket);
  });
}

}  // namespace

Socket::Socket(std::shared_ptr<client::SocketState> state) : state_(std::move(state)) {}
Socket::Socket(Socket&&) noexcept = default;

Socket& Socket::operator=(Socket&& other) noexcept {
  std::swap(state_, other.state_);
  return *this;
}

Socket::~Socket() { close(); }

bool Socket::is_open() const { return state_ && !state_->inherited() && state_->is_open(); }
std::uint16_t Socket::port() const { return state_ ? state_->port() : 0; }

Result<void, Error> Socket::bind(std::uint16_t port) {
  return call_open(state_, [&](SocketState& socket) { return socket.bind(port); });
}

Result<void, Error> Socket::give_memory(std::span<std::byte> memory) {
  return call_open(state_, [&](SocketState& socket) { return socket.give_memory(memory); });
}

Result<RpcHandle, Error> Socket::send(const SocketAddress& server,
                                      std::span<const std::byte> request,
                                      const SendOptions& options) {
  return call_open(state_, [&](SocketState& socket) {
    return socket.send(server, client::Gather(request), options);
  });
}

Result<RpcHandle, Error> Socket::send(const SocketAddress& server, Pieces request,
                                      const SendOptions& options) {
  return call_open(state_, [&](SocketState& socket) {
    return socket.send(server, client::Gather(request), options);
  });
}

Result<RpcHandle, Error> Socket::send_prepared(const SocketAddress& server,
                                               PreparedMessage& request,
                                               const SendOptions& options) {
  return call_open(state_,
                   [&](SocketState& socket) { return socket.send(server, request, options); });
}

Result<PreparedMessage, Error> Socket::prepare(std::size_t bytes) {
  return call_open(state_, [&](SocketState& socket) { return socket.prepare(bytes); });
}

Result<Message, Error> Socket::receive(Timeout timeout) {
  return call_open(state_, [&](SocketState& socket) { return socket.receive(timeout); });
}

Result<Message, Error> Socket::receive_response(RpcHandle rpc, Timeout timeout) {
  return call_open(state_,
                   [&](SocketState& socket) { return socket.receive_response(rpc, timeout); });
}

Result<Message, Error> Socket::call(const SocketAddress& server, std::span<const std::byte> request,
                                    Timeout timeout) {
  return call_open(state_, [&](SocketState& socket) {
    client::Gather gather(request);
    return socket.call(server, gather, timeout);
  });
}

Result<Message, Error> Socket::call_prepared(const SocketAddress& server, PreparedMessage& request,
                                             Timeout timeout) {
  return call_open(state_,
                   [&](SocketState& socket) { return socket.call(server, request, timeout); });
}

Result<void, Error> Socket::reply(RpcHandle rpc, std::span<const std::byte> response) {
  return call_open(
      state_, [&](SocketState& socket) { return socket.reply(rpc, client::Gather(response)); });
}

Result<void, Error> Socket::reply(RpcHandle rpc, Pieces response) {
  return call_open(
      state_, [&](SocketState& socket) { return socket.reply(rpc, client::Gather(response)); });
}

Result<void, Error> Socket::reply_prepared(RpcHandle rpc, PreparedMessage& response) {
  return call_open(state_, [&](SocketState& socket) { return socket.reply(rpc, response); });
}

std::size_t Socket::send_many(std::span<OutgoingRequest> requests) {
  const auto sent = call_open(state_, [&](SocketState& socket) -> Result<std::size_t, Error> {
    return socket.send_many(requests);
  });
  if (sent) return *sent;
  for (OutgoingRequest& one : requests) one.error = sent.error().code;
  return 0;
}

std::size_t Socket::reply_many(std::span<OutgoingResponse> answers) {
  const auto given = call_open(state_, [&](SocketState& socket) -> Result<std::size_t, Error> {
    return socket.reply_many(answers);
  });
  if (given) return *given;
  for (OutgoingResponse& one : answers) one.error = given.error().code;
  return 0;
}

Result<std::size_t, Error> Socket::receive_many(std::span<Message> into, Timeout timeout) {
  return call_open(state_, [&](SocketState& socket) { return socket.receive_many(into, timeout); });
}

Result<void, Error> Socket::announce_longer_than(std::uint32_t bytes) {
  return call_open(state_, [&](SocketState& socket) { return socket.announce_longer_than(bytes); });
}

Result<void, Error> Socket::accept(Message&& head, std::span<std::byte> place) {
  return call_open(state_, [&](SocketState& socket) { return socket.accept(head, place); });
}

Result<void, Error> Socket::refuse(Message&& head, ErrorCode code) {
  return call_open(state_, [&](SocketState& socket) { return socket.refuse(head, code); });
}

bool Socket::client_waits(RpcHandle request) const {
  const auto waits = call_open(state_, [&](SocketState& socket) -> Result<bool, Error> {
    return socket.client_waits(request);
  });
  return waits && *waits;
}

Result<void, Error> Socket::stop_accepting() {
  return call_open(state_, [](SocketState& socket) { return socket.stop_accepting(); });
}

Result<void, Error> Socket::drain(Timeout timeout) {
  return call_open(state_, [&](SocketState& socket) { return socket.await_idle(timeout); });
}

Result<void, Error> Socket::abort(RpcHandle rpc, ErrorCode code) {
  return call_open(state_, [&](SocketState& socket) { return socket.abort(rpc, code); });
}

Result<void, Error> Socket::abort_all(ErrorCode code) {
  return call_open(state_, [&](SocketState& socket) { return socket.abort_all(code); });
}

int Socket::quiet_descriptor() const {
  const auto descriptor = call_open(
      state_, [](SocketState& socket) -> Result<int, Error> { return socket.quiet_descriptor(); });
  return descriptor ? *descriptor : -1;
}

int Socket::descriptor() const {
  const auto descriptor = call_open(
      state_, [](SocketState& socket) -> Result<int, Error> { return socket.descriptor(); });
  return descriptor ? *descriptor : -1;
}

void Socket::shutdown() {
  if (state_ && !state_->inherited()) state_->shutdown();
}

// Threads that are inside a call keep the state alive until they return with kClosed.
void Socket::close() {
  if (state_ && !state_->inherited()) state_->shutdown();
}

Result<SocketStatus, Error> Socket::status() const {
  return call_open(state_, [&](SocketState& socket) { return socket.status(); });
}

}  // namespace homa
