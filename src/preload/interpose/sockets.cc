// Sockets: what the kernel's Homa does, on sockets of its protocol.
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstdarg>
#include <cstring>

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
  const auto socket = find_socket(fd);
  if (!socket) return real_bind(fd, name, length);
  return static_cast<int>(answer(*socket, [&] { return socket->bind(name, length); }));
}

int connect(int fd, const sockaddr* name, socklen_t length) {
  const auto socket = find_socket(fd);
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
  const auto socket = find_socket(fd);
  if (!socket || level == SOL_SOCKET) return real_setsockopt(fd, level, option, value, length);
  if (level != IPPROTO_HOMA) {
    return static_cast<int>(refuse_call(*socket, ENOPROTOOPT, "the level is not IPPROTO_HOMA"));
  }
  return static_cast<int>(
      answer(*socket, [&] { return socket->set_option(option, value, length); }));
}

int getsockopt(int fd, int level, int option, void* value, socklen_t* length) noexcept {
  const auto socket = find_socket(fd);
  if (!socket) return real_getsockopt(fd, level, option, value, length);
  if (level == SOL_SOCKET) return socket_option(*socket, option, value, length, fd);
  if (level != IPPROTO_HOMA) {
    return static_cast<int>(refuse_call(*socket, ENOPROTOOPT, "the level is not IPPROTO_HOMA"));
  }
  return static_cast<int>(
      answer(*socket, [&] { return socket->get_option(option, value, length); }));
}

int shutdown(int fd, int how) noexcept {
  const auto socket = find_socket(fd);
  if (!socket) return real_shutdown(fd, how);
  return static_cast<int>(answer(*socket, [&] { return socket->shutdown(); }));
}

ssize_t sendmsg(int fd, const msghdr* message, int flags) {
  const auto socket = find_socket(fd);
  if (!socket) return real_sendmsg(fd, message, flags);
  if (message == nullptr) return refuse_call(*socket, EFAULT, "no address of the msghdr");
  return answer(*socket, [&] { return socket->send(*message, flags); });
}

ssize_t recvmsg(int fd, msghdr* message, int flags) {
  const auto socket = find_socket(fd);
  if (!socket) return real_recvmsg(fd, message, flags);
  if (message == nullptr) return refuse_call(*socket, EFAULT, "no address of the msghdr");
  return answer(*socket, [&] { return socket->receive(*message, flags); });
}

int sendmmsg(int fd, mmsghdr* messages, unsigned count, int flags) {
  const auto socket = find_socket(fd);
  if (!socket) return real_sendmmsg(fd, messages, count, flags);
  return static_cast<int>(refuse_call(*socket, EOPNOTSUPP, "Homa sockets send one by one"));
}

int recvmmsg(int fd, mmsghdr* messages, unsigned count, int flags, timespec* timeout) {
  const auto socket = find_socket(fd);
  if (!socket) return real_recvmmsg(fd, messages, count, flags, timeout);
  return static_cast<int>(refuse_call(*socket, EOPNOTSUPP, "Homa sockets receive one by one"));
}

int ioctl(int fd, unsigned long request, ...) noexcept {
  va_list arguments;
  va_start(arguments, request);
  void* const argument = va_arg(arguments, void*);
  va_end(arguments);
  const auto socket = find_socket(fd);
  return socket ? control(*socket, request, argument) : real_ioctl(fd, request, argument);
}
}
