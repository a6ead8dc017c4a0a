// A Homa socket: sends requests and receives responses (client port), or receives requests and
// replies (server port); a server's socket may also send requests.
//
// Threads: every member may be called by any thread at any time; receive() by several at once.
// Errors are values. A signal never loses a message: calls that were interrupted go on waiting.
#pragma once

#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "homa/address.h"
#include "homa/error.h"
#include "homa/message.h"
#include "homa/result.h"

namespace homa {

// std::nullopt: no limit.
using Timeout = std::optional<std::chrono::nanoseconds>;

// The pieces of one message, in order: a header and a body that lie apart, for instance.
class Pieces {
 public:
  using Piece = std::span<const std::byte>;
  constexpr Pieces(std::span<const Piece> pieces) : pieces_(pieces) {}
  constexpr Pieces(const Piece* pieces, std::size_t count) : pieces_(pieces, count) {}
  constexpr std::span<const Piece> all() const { return pieces_; }

 private:
  std::span<const Piece> pieces_;
};

struct SendOptions {
  std::uint64_t cookie = 0;  // comes back with the response or the failure
  // Private: receive() without an id never returns this RPC's response; receive_response(id) does.
  bool is_private = false;
};

// One of many requests, for Socket::send_many().
struct OutgoingRequest {
  SocketAddress server{};
  std::span<const std::byte> request{};
  SendOptions options{};
  // Results.
  RpcHandle rpc = 0;  // 0: it was not started
  ErrorCode error = ErrorCode::kOk;
};

// One of many answers, for Socket::reply_many().
struct OutgoingResponse {
  RpcHandle rpc = 0;
  std::span<const std::byte> response{};
  ErrorCode error = ErrorCode::kOk;  // result
};

// A snapshot of an RPC in progress.
struct RpcStatus {
  RpcHandle rpc = 0;
  std::uint64_t wire_id = 0;  // as its client names it on the wire
  SocketAddress peer{};
  std::uint64_t cookie = 0;  // as given to send(); 0 for a request
  bool is_private = false;
  std::string state{};  // "sending", "waiting", "receiving", "serving", "replying"
  std::uint32_t send_length = 0, sent = 0, send_granted = 0;
  std::uint32_t receive_length = 0, received = 0, receive_granted = 0;
  std::uint32_t gaps = 0;
  std::uint32_t silent_ticks = 0;
};

struct SocketStatus {
  std::uint16_t port = 0;
  std::vector<RpcStatus> rpcs{};
  Error last_error{};  // of this socket's calls and RPCs; kOk: none yet
};

class Socket {
 public:
  Socket() = default;  // closed: every call gives kClosed
  Socket(Socket&&) noexcept;
  Socket& operator=(Socket&&) noexcept;
  ~Socket();  // close()

  bool is_open() const;
  std::uint16_t port() const;

  // Makes a client's socket a server's: from now on it receives requests for `port` (1..32767) as
  // well. Its RPCs go on. kInUse, kInvalidArgument (no server's port, or it serves another one
  // already), kClosed. Serving that port already is no error.
  Result<void, Error> bind(std::uint16_t port);

  // For a socket of Host::client_with_own_memory(), once: its messages lie in `memory` from now on,
  // the longest one (message_bytes_max) has to fit. The memory stays the application's, and must
  // not go away before shutdown() or close() has returned. kInvalidArgument, kNoMemory, kClosed.
  Result<void, Error> give_memory(std::span<std::byte> memory);

  // Starts an RPC: copies `request` (1 byte to the message limit) and returns its id at once.
  // kTooLong (message_bytes_max, or more than transmit memory ever takes), kInvalidArgument,
  // kClosed, kNoMemory (this socket's transmit memory is full, or it has rpcs_max RPCs in progress
  // itself; receive, then try again). When it takes the host's other sockets and
  // the requests that it serves to reach rpcs_max, a failure message with kNoMemory follows.
  Result<RpcHandle, Error> send(const SocketAddress& server, std::span<const std::byte> request,
                                const SendOptions& options = {});

  // The same, of a message in pieces, which are copied one behind the other.
  Result<RpcHandle, Error> send(const SocketAddress& server, Pieces request,
                                const SendOptions& options = {});
  // The same, without a copy. `request` is taken, and is empty then, only if there is no error.
  template <std::same_as<PreparedMessage> Prepared>  // so that `{}` is an empty span, no other
  Result<RpcHandle, Error> send(const SocketAddress& server, Prepared&& request,
                                const SendOptions& options = {}) {
    return send_prepared(server, request, options);
  }

  // send() and reply() of many messages, which cross to the engine together. Each has its own
  // error; the result is how many have none.
  std::size_t send_many(std::span<OutgoingRequest> requests);
  std::size_t reply_many(std::span<OutgoingResponse> responses);

  // Transmit memory for a message of `bytes` (1 to the message limit), to be built in place and
  // given to send() or reply() of this socket. kTooLong, kInvalidArgument, kClosed, kNoMemory.
  Result<PreparedMessage, Error> prepare(std::size_t bytes);

  // The next message of this socket: a request, or the response or failure of an RPC that is not
  // private. kWouldBlock when none came in time (timeout 0: do not wait), kClosed.
  Result<Message, Error> receive(Timeout timeout = std::nullopt);

  // Waits as receive(), then takes all that is there, as many as `into` has room for. What was in
  // `into` is released. The result is how many came, at least one.
  Result<std::size_t, Error> receive_many(std::span<Message> into, Timeout timeout = std::nullopt);

  // The response or failure of one RPC of ours, private or not. kNoSuchRpc: never sent here, or
  // received already. A failure of the RPC itself is a Message of kind kFailure.
  Result<Message, Error> receive_response(RpcHandle rpc, Timeout timeout = std::nullopt);

  // send() and receive_response() in one; an RPC that fails gives its error. When the deadline
  // passes, the RPC is aborted and the error is kTimeout. Error::executed says whether the server
  // executed the request.
  Result<Message, Error> call(const SocketAddress& server, std::span<const std::byte> request,
                              Timeout timeout = std::nullopt);
  template <std::same_as<PreparedMessage> Prepared>
  Result<Message, Error> call(const SocketAddress& server, Prepared&& request,
                              Timeout timeout = std::nullopt) {
    return call_prepared(server, request, timeout);
  }

  // Answers a request. kNoSuchRpc: its client gave up, or it was answered already.
  Result<void, Error> reply(RpcHandle rpc, std::span<const std::byte> response);
  Result<void, Error> reply(RpcHandle rpc, Pieces response);
  // Without a copy; taken, and empty then, only if there is no error.
  template <std::same_as<PreparedMessage> Prepared>
  Result<void, Error> reply(RpcHandle rpc, Prepared&& response) {
    return reply_prepared(rpc, response);
  }

  // Whether anybody still waits for the answer to this request, which was received and not answered
  // yet. A handler that takes long may ask now and then, and give up. The answer may be as old as
  // HostConfig::takeover, and a client that died silently counts until its silence is noticed.
  bool client_waits(RpcHandle request) const;

  // Ends an RPC of ours, or a request that we serve. `code` kOk: silently, nothing is received for
  // it; otherwise receive() gives a failure with that code. The peer learns of it either way.
  Result<void, Error> abort(RpcHandle rpc, ErrorCode code = ErrorCode::kOk);
  // The same for every RPC that this socket started.
  Result<void, Error> abort_all(ErrorCode code = ErrorCode::kOk);

  // --- Long requests ---
  // From now on a request of more than `bytes` comes in two steps: receive() gives its head, which
  // is what came unasked and in order (at least the first packet's bytes), and nothing more of it
  // is sent until accept(). One that comes whole unasked has no head. kClosed.
  Result<void, Error> announce_longer_than(std::uint32_t bytes);
  // The rest of a head's request is to come: receive() gives the whole request later, or a kFailure
  // with its rpc() if it ends before that. `place`: where its bytes are to lie then; it has to last
  // until one of the two was received. Empty: in receive memory, as other messages. `head` is
  // taken unless the error is kInvalidArgument (no head of this socket, or it does not fit) or
  // kClosed. kNoSuchRpc: its client gave up.
  Result<void, Error> accept(Message&& head, std::span<std::byte> place = {});
  // Ends a head's request; its client gets `code` and knows that nothing was executed. A head that
  // is destroyed is refused as kOverloaded.
  Result<void, Error> refuse(Message&& head, ErrorCode code = ErrorCode::kOverloaded);

  // --- The end of a service ---
  // From now on requests that begin to arrive are refused with kDraining, "not executed": their
  // clients can call another server at once. Those that were received, or of which a part has
  // arrived, go on. There is no way back but to open the socket anew. kClosed.
  Result<void, Error> stop_accepting();
  // Waits until nothing is in progress on this socket any more: requests are answered and their
  // responses have arrived, RPCs of ours have ended. A client that has not acknowledged a response
  // for a second counts as gone. Other threads go on serving meanwhile. Call
  // stop_accepting() first, and shutdown() afterwards. kTimeout: the time is up; the text says how
  // many are left. kClosed.
  Result<void, Error> drain(Timeout timeout = std::nullopt);

  // A descriptor for poll, select or epoll: readable while there are messages to receive (or the
  // socket was shut down); writable while a message of any length finds transmit memory, and again
  // when some came back since then. Owned by the socket; never read or written by the caller. After
  // it reports readable, receive with timeout 0 until kWouldBlock. When a thread has waited in a
  // call of this host, it may follow twice HostConfig::takeover later. -1: the socket is not open,
  // or the process may open no more descriptors (status() says so).
  int descriptor() const;
  // The same descriptor before anybody polls it: it becomes readable only once descriptor() has
  // been called. Until then it costs nothing, and after that a system call for most messages.
  int quiet_descriptor() const;

  // Ends the socket for all threads: waiters wake with kClosed, RPCs end, peers learn of it.
  void shutdown();
  void close();

  // While transmit memory is full of messages: of some dozens of RPCs only.
  Result<SocketStatus, Error> status() const;

 private:
  friend class Host;
  Result<RpcHandle, Error> send_prepared(const SocketAddress& server, PreparedMessage& request,
                                         const SendOptions& options);
  Result<Message, Error> call_prepared(const SocketAddress& server, PreparedMessage& request,
                                       Timeout timeout);
  Result<void, Error> reply_prepared(RpcHandle rpc, PreparedMessage& response);
  explicit Socket(std::shared_ptr<client::SocketState> state);
  std::shared_ptr<client::SocketState> state_;
};

}  // namespace homa
