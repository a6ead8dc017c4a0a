// Sockets: what the kernel's Homa does, on sockets of its protocol.
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <chrono>
#include <cstdarg>
#include <cstring>
#include <optional>

#include "preload/interpose/calls.h"
#include "preload/interpose/real.h"

namespace homa::preload {
namespace {

constinit Real<decltype(::socket)> real_socket("socket");
constinit Real<decltype(::bind)> real_bind("bind");
constinit Real<decltype(::connect)> real_connect("connect");
constinit Real<decltype(::getsockname)> real_getsockname("getsockname");
constinit Real<decltype(::getpeername)> real_getpeername("getpeername");
constinit Real<decltype(::setsockopt)> real_setsockopt("setsockopt");
constinit Real<decltype(::getsockopt)> real_getsockopt("getsockopt");
constinit Real<decltype(::shutdown)> real_shutdown("shutdown");
constinit Real<decltype(::sendmsg)> real_sendmsg("sendmsg");
constinit Real<decltype(::recvmsg)> real_recvmsg("recvmsg");
constinit Real<decltype(::sendmmsg)> real_sendmmsg("sendmmsg");
constinit Real<decltype(::recvmmsg)> real_recvmmsg("recvmmsg");
constinit Real<decltype(::ioctl)> real_ioctl("ioctl");

constexpr int kTypeFlags = SOCK_NONBLOCK | SOCK_CLOEXEC;

bool is_homa(int family, int type, int protocol) {
  return protocol == IPPROTO_HOMA && (type & ~kTypeFlags) == SOCK_DGRAM &&
         (family == AF_INET || family == AF_INET6);
}

Result<int, Failure> open_socket(int family, int type) {
  auto engine = Process::get().engine();
  if (!engine) return Unexpected(engine.error());
  auto socket = KernelSocket::open(std::move(engine).value(), family);
  if (!socket) return Unexpected(socket.error());
  (*socket)->set_nonblocking((type & SOCK_NONBLOCK) != 0);
  const int own = (*socket)->descriptor();
  if (own < 0) return refuse(EMFILE, "the process may open no more descriptors");
  const int fd = ::fcntl(own, (type & SOCK_CLOEXEC) != 0 ? F_DUPFD_CLOEXEC : F_DUPFD, 0);
  if (fd < 0) return refuse(errno, "the process may open no more descriptors");
  note_descriptor(fd, std::move(socket).value());
  if (Process::get().table().may_have(fd)) return fd;
  ::close(fd);
  return refuse(EMFILE, "the number of the descriptor is too high");
}

int socket_option(KernelSocket& socket, int option, void* value, socklen_t* length, int fd) {
  if (option != SO_DOMAIN && option != SO_PROTOCOL) {
    return real_getsockopt(fd, SOL_SOCKET, option, value, length);
  }
  return static_cast<int>(answer(socket, [&]() -> KernelSocket::Done {
    if (value == nullptr || length == nullptr) return refuse(EFAULT, "no address for the option");
    const int found = option == SO_DOMAIN ? socket.family() : IPPROTO_HOMA;
    *length = std::min<socklen_t>(*length, sizeof(found));
    std::memcpy(value, &found, *length);
    return 0;
  }));
}

int control(KernelSocket& socket, unsigned long request, void* argument) {
  return static_cast<int>(answer(socket, [&]() -> KernelSocket::Done {
    if (request != FIONBIO) return socket.control(request, argument);
    if (argument == nullptr) return refuse(EFAULT, "no address of FIONBIO's value");
    int on = 0;
    std::memcpy(&on, argument, sizeof(on));
    socket.set_nonblocking(on != 0);
    return 0;
  }));
}

long send_one(KernelSocket& socket, const msghdr* message, int flags) {
  if (message == nullptr) return refuse_call(socket, EFAULT, "no address of the msghdr");
  return answer(socket, [&] { return socket.send(*message, flags); });
}

long receive_one(KernelSocket& socket, msghdr* message, int flags) {
  if (message == nullptr) return refuse_call(socket, EFAULT, "no address of the msghdr");
  return answer(socket, [&] { return socket.receive(*message, flags); });
}

// sendmmsg() and recvmmsg(), as the kernel has them for every protocol: one by one until an error,
// of which the call tells only when it comes first. `go_on`: asked after each message.
template <typename One, typename GoOn>
int one_by_one(KernelSocket& socket, mmsghdr* messages, unsigned count, One one, GoOn go_on) {
  if (messages == nullptr && count > 0) {
    return static_cast<int>(refuse_call(socket, EFAULT, "no address of the messages"));
  }
  unsigned done = 0;
  while (done < count) {
    const long result = one(messages[done].msg_hdr);
    if (result < 0) return done > 0 ? static_cast<int>(done) : -1;
    messages[done++].msg_len = static_cast<unsigned>(result);
    if (!go_on()) break;
  }
  return static_cast<int>(done);
}

int receive_several(KernelSocket& socket, mmsghdr* messages, unsigned count, int flags,
                    const timespec* timeout) {
  using Clock = std::chrono::steady_clock;
  std::optional<Clock::time_point> end;
  if (timeout != nullptr) {
    end = Clock::now() + std::chrono::seconds(timeout->tv_sec) +
          std::chrono::nanoseconds(timeout->tv_nsec);
  }
  const bool waits_once = (flags & MSG_WAITFORONE) != 0;
  int one_flags = flags & ~MSG_WAITFORONE;
  return one_by_one(
      socket, messages, count,
      [&](msghdr& message) { return receive_one(socket, &message, one_flags); },
      [&] {
        if (waits_once) one_flags |= MSG_DONTWAIT;
        return !end || Clock::now() < *end;
      });
}

// A Homa socket among the descriptors that a message of another socket carries (SCM_RIGHTS): who
// receives it could not use it.
bool carries_socket(const msghdr* message) {
  if (message == nullptr || message->msg_controllen < sizeof(cmsghdr)) return false;
  if (Process::get().table().empty()) return false;
  auto* const mutable_message = const_cast<msghdr*>(message);
  for (const cmsghdr* part = CMSG_FIRSTHDR(message); part != nullptr;
       part = CMSG_NXTHDR(mutable_message, const_cast<cmsghdr*>(part))) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
    if (part->cmsg_len < CMSG_LEN(0)) return false;
    const std::size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(part) + i * sizeof(fd), sizeof(fd));
      if (find_socket(fd)) return true;
    }
  }
  return false;
}

}  // namespace
}  // namespace homa::preload

using namespace homa::preload;

extern "C" {

int socket(int family, int type, int protocol) noexcept {
  if (!is_homa(family, type, protocol)) return real_socket(family, type, protocol);
  try {
    const auto opened = open_socket(family, type);
    if (opened) return *opened;
    errno = opened.error().number;
  } catch (const std::bad_alloc&) {
    errno = ENOMEM;
  }
  return -1;
}

int bind(int fd, const sockaddr* name, socklen_t length) noexcept {
  const auto socket = find_to_use(fd);
  if (!socket) return real_bind(fd, name, length);
  return static_cast<int>(answer(*socket, [&] { return socket->bind(name, length); }));
}

int connect(int fd, const sockaddr* name, socklen_t length) {
  const auto socket = find_to_use(fd);
  if (!socket) return real_connect(fd, name, length);
  return static_cast<int>(answer(*socket, [&] { return socket->connect(name, length); }));
}

int getsockname(int fd, sockaddr* name, socklen_t* length) noexcept {
  const auto socket = find_socket(fd);
  if (!socket) return real_getsockname(fd, name, length);
  return static_cast<int>(answer(*socket, [&] { return socket->name(name, length); }));
}

int getpeername(int fd, sockaddr* name, socklen_t* length) noexcept {
  const auto socket = find_socket(fd);
  if (!socket) return real_getpeername(fd, name, length);
  return static_cast<int>(refuse_call(*socket, ENOTCONN, "Homa sockets have no peer"));
}

int setsockopt(int fd, int level, int option, const void* value, socklen_t length) noexcept {
  const auto socket = find_to_use(fd);
  // The send buffer of the descriptor decides whether poll() calls it writable.
  const bool tunes = level == SOL_SOCKET && (option == SO_SNDBUF || option == SO_SNDBUFFORCE);
  if (socket && tunes) return 0;
  if (!socket || level == SOL_SOCKET) return real_setsockopt(fd, level, option, value, length);
  if (level != IPPROTO_HOMA) {
    return static_cast<int>(refuse_call(*socket, ENOPROTOOPT, "the level is not IPPROTO_HOMA"));
  }
  return static_cast<int>(
      answer(*socket, [&] { return socket->set_option(option, value, length); }));
}

int getsockopt(int fd, int level, int option, void* value, socklen_t* length) noexcept {
  const auto socket = find_to_use(fd);
  if (!socket) return real_getsockopt(fd, level, option, value, length);
  if (level == SOL_SOCKET) return socket_option(*socket, option, value, length, fd);
  if (level != IPPROTO_HOMA) {
    return static_cast<int>(refuse_call(*socket, ENOPROTOOPT, "the level is not IPPROTO_HOMA"));
  }
  return static_cast<int>(
      answer(*socket, [&] { return socket->get_option(option, value, length); }));
}

int shutdown(int fd, int how) noexcept {
  const auto socket = find_to_use(fd);
  if (!socket) return real_shutdown(fd, how);
  return static_cast<int>(answer(*socket, [&] { return socket->shutdown(); }));
}

ssize_t sendmsg(int fd, const msghdr* message, int flags) {
  if (const auto socket = find_to_use(fd)) return send_one(*socket, message, flags);
  if (!carries_socket(message)) return real_sendmsg(fd, message, flags);
  errno = EOPNOTSUPP;
  return -1;
}

ssize_t recvmsg(int fd, msghdr* message, int flags) {
  if (const auto socket = find_to_use(fd)) return receive_one(*socket, message, flags);
  return real_recvmsg(fd, message, flags);
}

int sendmmsg(int fd, mmsghdr* messages, unsigned count, int flags) {
  if (const auto socket = find_to_use(fd)) {
    const auto send = [&](const msghdr& message) { return send_one(*socket, &message, flags); };
    return one_by_one(*socket, messages, count, send, [] { return true; });
  }
  for (unsigned i = 0; messages != nullptr && i < count; ++i) {
    if (!carries_socket(&messages[i].msg_hdr)) continue;
    errno = EOPNOTSUPP;
    return -1;
  }
  return real_sendmmsg(fd, messages, count, flags);
}

int recvmmsg(int fd, mmsghdr* messages, unsigned count, int flags, timespec* timeout) {
  if (const auto socket = find_to_use(fd)) {
    return receive_several(*socket, messages, count, flags, timeout);
  }
  return real_recvmmsg(fd, messages, count, flags, timeout);
}

int ioctl(int fd, unsigned long request, ...) noexcept {
  va_list arguments;
  va_start(arguments, request);
  void* const argument = va_arg(arguments, void*);
  va_end(arguments);
  const auto socket = find_to_use(fd);
  return socket ? control(*socket, request, argument) : real_ioctl(fd, request, argument);
}
}
