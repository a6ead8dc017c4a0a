// sendmsg() and recvmsg() of a KernelSocket.
#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>
#include <utility>
#include <vector>

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

// The message of a sendmsg(), in one piece.
class Gathered {
 public:
  static Result<Gathered, Failure> of(const msghdr& message) {
    if (message.msg_iovlen > 0 && message.msg_iov == nullptr) {
      return refuse(EFAULT, "no address of msg_iov");
    }
    const std::span<const iovec> extents(message.msg_iov, message.msg_iovlen);
    std::size_t total = 0;
    for (const iovec& extent : extents) {
      if (extent.iov_len > HOMA_MAX_MESSAGE_LENGTH - total) {
        return refuse(EINVAL, "a message has at most 1000000 bytes");
      }
      if (extent.iov_len > 0 && extent.iov_base == nullptr) {
        return refuse(EFAULT, "an extent of the message has no address");
      }
      total += extent.iov_len;
    }
    if (total == 0) return refuse(EINVAL, "a message has at least one byte");
    return Gathered(extents, total);
  }
  std::span<const std::byte> bytes() const { return bytes_; }

 private:
  Gathered(std::span<const iovec> extents, std::size_t total) {
    const auto begin = [](const iovec& extent) {
      return static_cast<const std::byte*>(extent.iov_base);
    };
    for (const iovec& extent : extents) {
      if (extent.iov_len != total) continue;
      bytes_ = {begin(extent), total};  // in place
      return;
    }
    copy_.reserve(total);
    for (const iovec& extent : extents) {
      copy_.insert(copy_.end(), begin(extent), begin(extent) + extent.iov_len);
    }
    bytes_ = copy_;
  }

  std::vector<std::byte> copy_;
  std::span<const std::byte> bytes_;
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

void copy_into_pages(std::span<const std::byte> bytes, const PageList& pages,
                     const homa_rcvbuf_args& memory) {
  for (std::uint32_t i = 0; i < pages.count; ++i) {
    const auto part = bytes.first(std::min<std::size_t>(bytes.size(), HOMA_BPAGE_SIZE));
    std::memcpy(reinterpret_cast<void*>(memory.start + pages.offsets[i]), part.data(), part.size());
    bytes = bytes.subspan(part.size());
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
  const auto gathered = Gathered::of(message);
  if (!gathered) return Unexpected(gathered.error());
  const bool wait = !nonblocking() && (flags & MSG_DONTWAIT) == 0;
  if (args.id == 0) return send_request(message, args, gathered->bytes(), wait);
  if (args.completion_cookie != 0) return refuse(EINVAL, "a response has no completion_cookie");
  const auto peer = read_address(message.msg_name, message.msg_namelen, family_, 0);
  if (!peer) return Unexpected(peer.error());
  return send_response(args, gathered->bytes(), wait);
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
                                              std::span<const std::byte> bytes, bool wait) {
  const auto server =
      read_address(message.msg_name, message.msg_namelen, family_, engine_->peer_udp_port());
  if (!server) return Unexpected(server.error());
  const bool is_private = (args.flags & HOMA_SENDMSG_PRIVATE) != 0;
  const auto rpc = with_room(wait, [&]() -> Result<RpcHandle, Failure> {
    auto sent = socket_.send(*server, bytes, {args.completion_cookie, is_private});
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

KernelSocket::Done KernelSocket::send_response(const homa_sendmsg_args& args,
                                               std::span<const std::byte> bytes, bool wait) {
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
  const Lock lock(mutex_);
  if (!pages_) return refuse(EINVAL, "the socket has no receive memory yet (SO_HOMA_RCVBUF)");
  if (!pages_->give_back(std::span(args.bpage_offsets).first(args.num_bpages))) {
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

// Copies a message into the program's pages, or tells of a failure. A message for which there is
// no room now is kept for the next call.
KernelSocket::Done KernelSocket::deliver(Message message, homa_recvmsg_args& args) {
  PageList pages;
  {
    const Lock lock(mutex_);
    const bool fits = message.size() <= HOMA_MAX_MESSAGE_LENGTH &&
                      pages_->can_hold(static_cast<std::uint32_t>(message.size()));
    if (message.size() > 0 && fits) {
      const auto room = pages_->allocate(static_cast<std::uint32_t>(message.size()));
      if (!room) {
        kept_.push_front(std::move(message));
        return refuse(ENOMEM, "the receive memory is used up; give bpages back");
      }
      pages = *room;
    }
    args.id = message.rpc();
    args.completion_cookie = message.cookie();
    private_.erase(message.rpc());
    if (message.kind() == Message::Kind::kFailure) {
      return refuse(error_of(message), "an RPC failed: " + std::string(to_string(message.error())));
    }
    if (!fits) return refuse(ENOMEM, "the message is longer than the receive memory");
    if (message.is_request()) {
      if (served_.size() >= kServedMost) served_.erase(served_.begin());
      served_.insert(message.rpc());
    }
  }
  copy_into_pages(message.bytes(), pages, memory_);
  args.num_bpages = pages.count;
  std::copy_n(pages.offsets, pages.count, args.bpage_offsets);
  return static_cast<long>(message.size());
}

}  // namespace homa::preload
