// sendmsg() and recvmsg() of a KernelSocket.
#include <algorithm>
#include <boost/container/small_vector.hpp>
#include <cerrno>
#include <chrono>
#include <climits>
#include <cstring>
#include <thread>
#include <utility>

#include "preload/interruptions.h"
#include "preload/kernel_socket.h"
#include "preload/socket_addresses.h"

namespace homa::preload {
namespace {

using std::chrono::milliseconds;

// A blocked call looks at intervals whether a signal interrupts it: seldom while the program has no
// handler that does, else from 1 ms on more and more seldom.
constexpr milliseconds kFirstLook{1}, kLastLook{16}, kLookWithoutHandlers{100};
constexpr std::chrono::microseconds kRoomLook{20};

// Served requests that are remembered, to tell a late response from a wrong one.
constexpr std::size_t kServedMost = 1 << 16;

Unexpected<Failure> would_block() { return refuse(EAGAIN, {}); }
Unexpected<Failure> interrupted() { return refuse(EINTR, {}); }

// The extents of a sendmsg(), without the empty ones.
class Extents {
 public:
  static Result<Extents, Failure> of(const msghdr& message) {
    if (message.msg_iovlen > IOV_MAX) return refuse(EMSGSIZE, "a message has at most 1024 extents");
    if (message.msg_iovlen > 0 && message.msg_iov == nullptr) {
      return refuse(EFAULT, "no address of msg_iov");
    }
    Extents extents;
    std::size_t total = 0;
    for (const iovec& extent : std::span(message.msg_iov, message.msg_iovlen)) {
      if (extent.iov_len > HOMA_MAX_MESSAGE_LENGTH - total) {
        return refuse(EINVAL, "a message has at most 1000000 bytes");
      }
      if (extent.iov_len == 0) continue;
      if (extent.iov_base == nullptr) {
        return refuse(EFAULT, "an extent of the message has no address");
      }
      extents.pieces_.push_back({static_cast<const std::byte*>(extent.iov_base), extent.iov_len});
      total += extent.iov_len;
    }
    if (total == 0) return refuse(EINVAL, "a message has at least one byte");
    return extents;
  }
  Pieces pieces() const { return {pieces_.data(), pieces_.size()}; }

 private:
  boost::container::small_vector<std::span<const std::byte>, 4> pieces_;
};

// Calls call(timeout) until something comes, a signal interrupts it, or it fails.
template <typename Call>
Result<Message, Failure> wait_for(Call call) {
  const std::uint64_t before = interruptions();
  for (milliseconds look = kFirstLook;; look = std::min(2 * look, kLastLook)) {
    auto message = call(interruptions_possible() ? look : kLookWithoutHandlers);
    if (message) return std::move(message).value();
    if (message.error().code != ErrorCode::kWouldBlock) return refuse(message.error());
    if (interruptions() != before) return interrupted();
  }
}

}  // namespace

// --- sendmsg ---

KernelSocket::Done KernelSocket::send(const msghdr& message, int flags) {
  if (inherited()) return refuse_child();
  if (message.msg_control == nullptr || message.msg_controllen != 0) {
    return refuse(EINVAL, "msg_control points to homa_sendmsg_args, and msg_controllen is 0");
  }
  homa_sendmsg_args args;
  std::memcpy(&args, message.msg_control, sizeof(args));
  if ((args.flags & ~static_cast<std::uint32_t>(HOMA_SENDMSG_VALID_FLAGS)) != 0 ||
      args.reserved != 0) {
    return refuse(EINVAL, "unknown flags, or a reserved field that is not 0");
  }
  const auto extents = Extents::of(message);
  if (!extents) return Unexpected(extents.error());
  const bool wait = !nonblocking() && (flags & MSG_DONTWAIT) == 0;
  if (args.id == 0) return send_request(message, args, extents->pieces(), wait);
  if (args.completion_cookie != 0) return refuse(EINVAL, "a response has no completion_cookie");
  const auto peer = read_address(message.msg_name, message.msg_namelen, family_, 0);
  if (!peer) return Unexpected(peer.error());
  return send_response(args, extents->pieces(), wait);
}

// Tries until there is room in the socket's transmit memory.
template <typename Call>
auto KernelSocket::with_room(bool wait, Call call) -> decltype(call()) {
  const std::uint64_t before = interruptions();
  for (;;) {
    auto done = call();
    if (done || done.error().number != ENOMEM) return done;
    if (!wait) return would_block();
    if (interruptions() != before) return interrupted();
    engine_->poll();
    std::this_thread::sleep_for(kRoomLook);
  }
}

KernelSocket::Done KernelSocket::send_request(const msghdr& message, homa_sendmsg_args& args,
                                              Pieces bytes, bool wait) {
  const auto server =
      read_address(message.msg_name, message.msg_namelen, family_, engine_->peer_udp_port());
  if (!server) return Unexpected(server.error());
  const bool is_private = (args.flags & HOMA_SENDMSG_PRIVATE) != 0;
  const SocketAddress way = engine_->way_to(*server, family_);
  const auto rpc = with_room(wait, [&]() -> Result<RpcHandle, Failure> {
    auto sent = socket_.send(way, bytes, {args.completion_cookie, is_private});
    if (!sent) return refuse(sent.error());
    return *sent;
  });
  if (!rpc) return Unexpected(rpc.error());
  if (is_private) {
    const Lock lock(mutex_);
    private_.insert(*rpc);
  }
  args.id = *rpc;
  std::memcpy(message.msg_control, &args, sizeof(args));
  return 0;
}

KernelSocket::Done KernelSocket::send_response(const homa_sendmsg_args& args, Pieces bytes,
                                               bool wait) {
  {
    const Lock lock(mutex_);
    if (served_.count(args.id) == 0) {
      return refuse(EINVAL, "no request of that id waits for a response");
    }
  }
  const auto replied = with_room(wait, [&]() -> Done {
    const auto done = socket_.reply(args.id, bytes);
    // A client that gave up wants no response.
    if (done || done.error().code == ErrorCode::kNoSuchRpc) return 0;
    return refuse(done.error());
  });
  if (replied) {
    const Lock lock(mutex_);
    served_.erase(args.id);
  }
  return replied;
}

// --- recvmsg ---

KernelSocket::Done KernelSocket::receive(msghdr& message, int flags) {
  if (inherited()) return refuse_child();
  if (message.msg_control == nullptr || message.msg_controllen != sizeof(homa_recvmsg_args)) {
    return refuse(EINVAL, "msg_control points to homa_recvmsg_args; msg_controllen is its size");
  }
  if ((flags & ~MSG_DONTWAIT) != 0) return refuse(EINVAL, "recvmsg() takes MSG_DONTWAIT only");
  homa_recvmsg_args args;
  std::memcpy(&args, message.msg_control, sizeof(args));
  const std::uint64_t id = std::exchange(args.id, 0);
  args.completion_cookie = 0;
  const bool wait = !nonblocking() && (flags & MSG_DONTWAIT) == 0;
  SocketAddress peer;
  const auto receive_one = [&]() -> Done {
    if (auto taken = take_pages_back(args); !taken) return Unexpected(taken.error());
    if (auto known = check_private(id); !known) return Unexpected(known.error());
    auto received = next_message(id, wait);
    if (!received) return Unexpected(received.error());
    peer = received->peer();
    return deliver(std::move(received).value(), args);
  };
  Done done = receive_one();
  std::memcpy(message.msg_control, &args, sizeof(args));
  if (args.id != 0) write_address(peer, family_, message.msg_name, &message.msg_namelen);
  if (!done) return done;
  message.msg_controllen = 0;
  message.msg_flags = 0;
  return done;
}

Result<void, Failure> KernelSocket::take_pages_back(homa_recvmsg_args& args) {
  if (args.num_bpages > HOMA_MAX_BPAGES || args.reserved != 0) {
    return refuse(EINVAL, "num_bpages is above HOMA_MAX_BPAGES, or a reserved field is not 0");
  }
  ReturnedMessages returned;  // they go when the lock has been given up
  const Lock lock(mutex_);
  if (!memory_) return refuse(EINVAL, "the socket has no receive memory yet (SO_HOMA_RCVBUF)");
  if (!memory_->give_back(std::span(args.bpage_offsets).first(args.num_bpages), returned)) {
    return refuse(EINVAL, "a bpage was given back that no message lies in");
  }
  args.num_bpages = 0;
  return {};
}

Result<void, Failure> KernelSocket::check_private(std::uint64_t id) {
  if (id == 0) return {};
  const Lock lock(mutex_);
  if (private_.count(id) != 0) return {};
  return refuse(EINVAL, "the id is that of no private RPC of this socket");
}

Result<Message, Failure> KernelSocket::next_message(std::uint64_t id, bool wait) {
  const auto receive = [&](milliseconds at_most) {
    return id == 0 ? socket_.receive(at_most) : socket_.receive_response(id, at_most);
  };
  for (;;) {
    if (auto kept = take_kept(id)) return std::move(*kept);
    auto message = wait ? wait_for(receive) : [&]() -> Result<Message, Failure> {
      auto one = receive(milliseconds(0));
      if (one) return std::move(one).value();
      if (one.error().code == ErrorCode::kWouldBlock) return would_block();
      return refuse(one.error());
    }();
    if (!message || is_for_program(*message)) return message;
  }
}

std::optional<Message> KernelSocket::take_kept(std::uint64_t id) {
  const Lock lock(mutex_);
  const auto found = std::find_if(kept_.begin(), kept_.end(), [&](const Message& kept) {
    return id == 0 ? private_.count(kept.rpc()) == 0 : kept.rpc() == id;
  });
  if (found == kept_.end()) return std::nullopt;
  std::optional<Message> message(std::move(*found));
  kept_.erase(found);
  return message;
}

// False: the client was told that it gets no answer here.
bool KernelSocket::is_for_program(const Message& message) {
  if (!message.is_request()) return true;
  const bool taken = takes_requests_.load(std::memory_order_relaxed);
  if (taken && can_name(message.peer().host, family_)) return true;
  const ErrorCode why = taken ? ErrorCode::kNoSuchSocket : ErrorCode::kNotAServer;
  static_cast<void>(socket_.abort(message.rpc(), why).has_value());
  return false;
}

int KernelSocket::error_of(const Message& message) {
  const auto aborted = aborted_.extract(message.rpc());
  return aborted.empty() ? errno_of(message.error()) : aborted.mapped();
}

// Where a message lies for the program. One for which there is no room now is kept for the next
// call. Of a failure: the errno value.
Result<PageList, Failure> KernelSocket::place(Message& message, homa_recvmsg_args& args) {
  const Lock lock(mutex_);
  const std::size_t size = message.size();
  const bool fits = size <= HOMA_MAX_MESSAGE_LENGTH && memory_->can_hold(size);
  const homa_recvmsg_args told{message.rpc(), message.cookie(), 0, 0, {}};
  PageList pages;
  if (size > 0 && fits) {
    const auto room = memory_->place(message);
    if (!room) {
      kept_.push_front(std::move(message));
      return refuse(ENOMEM, "the receive memory is used up; give bpages back");
    }
    pages = *room;
  }
  args.id = told.id;
  args.completion_cookie = told.completion_cookie;
  private_.erase(told.id);
  if (message.kind() == Message::Kind::kFailure) {
    return refuse(error_of(message), "an RPC failed: " + std::string(to_string(message.error())));
  }
  if (!fits) return refuse(ENOMEM, "the message is longer than the receive memory");
  if (message.is_request()) {
    if (served_.size() >= kServedMost) served_.erase(served_.begin());
    served_.insert(told.id);
  }
  return pages;
}

KernelSocket::Done KernelSocket::deliver(Message message, homa_recvmsg_args& args) {
  const std::size_t size = message.size();
  const auto pages = place(message, args);
  if (!pages) return Unexpected(pages.error());
  memory_->fill(message, *pages);
  args.num_bpages = pages->count;
  std::copy_n(pages->offsets, pages->count, args.bpage_offsets);
  return static_cast<long>(size);
}

}  // namespace homa::preload
