// Messages in place: a received one, a contiguous span in the host's receive region, and one to be
// sent, built in the socket's transmit memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "homa/address.h"
#include "homa/error.h"

namespace homa {

// An RPC as the application names it: opaque, never 0, even at its client, odd at its server.
using RpcHandle = std::uint64_t;

namespace client {
class SocketState;
}

// What Socket::receive() gives. Movable; its bytes go back to the host when it is destroyed, so
// keep it no longer than needed: the space it holds is space that peers are not granted. It may
// outlive its socket and its host (the memory then lives until the last message is gone). Thread:
// any one.
class Message {
 public:
  enum class Kind : std::uint8_t {
    kRequest,   // answer it with Socket::reply()
    kResponse,  // the answer to an RPC of ours
    kFailure,   // an RPC of ours that ended without a response; see error(), bytes() is empty
    kHead,      // the first bytes of a long request: Socket::accept() or refuse() it
  };

  Message() = default;
  Message(Message&& other) noexcept;
  Message& operator=(Message&& other) noexcept;
  ~Message();

  Kind kind() const { return kind_; }
  bool is_request() const { return kind_ == Kind::kRequest; }
  RpcHandle rpc() const { return rpc_; }
  const SocketAddress& peer() const { return peer_; }
  std::uint64_t cookie() const { return cookie_; }  // as given to send(); 0 for a request
  ErrorCode error() const { return error_; }        // kOk but for a failure
  // Of a failure: whether the server executed the request.
  Executed executed() const { return executed_; }
  // The same in a sentence: what failed, why, what to do. kOk but for a failure.
  Error failure() const;
  std::span<const std::byte> bytes() const { return bytes_; }
  std::size_t size() const { return bytes_.size(); }
  // Of the whole message: more than size() for a head.
  std::size_t total() const { return total_; }

  // Gives the bytes back now instead of at destruction. A head's request is refused by that.
  void release();

 private:
  friend class client::SocketState;
  Kind kind_ = Kind::kRequest;
  ErrorCode error_ = ErrorCode::kOk;
  Executed executed_ = Executed::kNo;
  RpcHandle rpc_ = 0;
  std::uint64_t cookie_ = 0;
  std::uint64_t buffer_ = 0;
  std::size_t total_ = 0;
  SocketAddress peer_;
  std::span<const std::byte> bytes_;
  std::shared_ptr<client::SocketState> owner_;
};

// What Socket::prepare() gives: a message to be built in place, in the socket's transmit memory.
// send() and reply() take it without a copy. Movable. One that was not sent gives its memory back
// when it is destroyed. It may outlive its socket. Thread: one at a time.
class PreparedMessage {
 public:
  PreparedMessage() = default;  // nothing to write to, nothing to send
  PreparedMessage(PreparedMessage&& other) noexcept;
  PreparedMessage& operator=(PreparedMessage&& other) noexcept;
  ~PreparedMessage();

  // Undefined content until it is written. Empty once the message was sent: what is written through
  // an older span from then on may or may not be sent.
  std::span<std::byte> bytes() const { return bytes_; }
  std::size_t size() const { return bytes_.size(); }
  // Only the first `size` bytes are to be sent. More than size(): nothing changes.
  void shrink(std::size_t size) {
    if (size < bytes_.size()) bytes_ = bytes_.first(size);
  }
  // Gives the memory back now instead of at destruction.
  void release();

 private:
  friend class client::SocketState;
  std::span<std::byte> bytes_;
  std::uint64_t memory_ = 0;
  std::shared_ptr<client::SocketState> owner_;
};

}  // namespace homa
