// Calls that move bytes: Homa sockets have none of them, because they have no place for an RPC's
// id. All other descriptors pass through.
#include <fcntl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "preload/interpose/calls.h"
#include "preload/interpose/real.h"

namespace homa::preload {
namespace {

constinit Real<ssize_t(int, void*, size_t)> real_read("read");
constinit Real<ssize_t(int, const void*, size_t)> real_write("write");
constinit Real<ssize_t(int, const iovec*, int)> real_readv("readv");
constinit Real<ssize_t(int, const iovec*, int)> real_writev("writev");
constinit Real<decltype(::send)> real_send("send");
constinit Real<decltype(::sendto)> real_sendto("sendto");
constinit Real<decltype(::recv)> real_recv("recv");
constinit Real<decltype(::recvfrom)> real_recvfrom("recvfrom");
constinit Real<ssize_t(int, const iovec*, int, off_t, int)> real_preadv2("preadv2");
constinit Real<ssize_t(int, const iovec*, int, off_t, int)> real_pwritev2("pwritev2");
constinit Real<ssize_t(int, int, off_t*, size_t)> real_sendfile("sendfile");
constinit Real<decltype(::splice)> real_splice("splice");
// What fortified programs call.
constinit Real<ssize_t(int, void*, size_t, size_t)> real_read_chk("__read_chk");
constinit Real<ssize_t(int, void*, size_t, size_t, int)> real_recv_chk("__recv_chk");
constinit Real<ssize_t(int, void*, size_t, size_t, int, sockaddr*, socklen_t*)> real_recvfrom_chk(
    "__recvfrom_chk");

// Apart, so that calls on other descriptors are a look-up and a jump.
[[gnu::noinline]] bool refuse_bytes(int fd) {
  const auto socket = find_socket(fd);
  if (!socket) return false;
  refuse_call(*socket, EINVAL, "Homa sockets take sendmsg() and recvmsg() only");
  return true;
}

template <typename Function, typename... Arguments>
ssize_t pass_on(Real<Function>& real, int fd, Arguments... arguments) {
  if (__builtin_expect(SocketTable::may_have(fd), false) && refuse_bytes(fd)) return -1;
  return real(fd, arguments...);
}

}  // namespace
}  // namespace homa::preload

using namespace homa::preload;

extern "C" {

ssize_t read(int fd, void* buffer, size_t size) { return pass_on(real_read, fd, buffer, size); }

ssize_t write(int fd, const void* buffer, size_t size) {
  return pass_on(real_write, fd, buffer, size);
}

ssize_t readv(int fd, const iovec* extents, int count) {
  return pass_on(real_readv, fd, extents, count);
}

ssize_t writev(int fd, const iovec* extents, int count) {
  return pass_on(real_writev, fd, extents, count);
}

ssize_t send(int fd, const void* buffer, size_t size, int flags) {
  return pass_on(real_send, fd, buffer, size, flags);
}

ssize_t sendto(int fd, const void* buffer, size_t size, int flags, const sockaddr* name,
               socklen_t length) {
  return pass_on(real_sendto, fd, buffer, size, flags, name, length);
}

ssize_t recv(int fd, void* buffer, size_t size, int flags) {
  return pass_on(real_recv, fd, buffer, size, flags);
}

ssize_t recvfrom(int fd, void* buffer, size_t size, int flags, sockaddr* name, socklen_t* length) {
  return pass_on(real_recvfrom, fd, buffer, size, flags, name, length);
}

ssize_t preadv2(int fd, const iovec* extents, int count, off_t offset, int flags) {
  return pass_on(real_preadv2, fd, extents, count, offset, flags);
}

ssize_t preadv64v2(int fd, const iovec* extents, int count, off64_t offset, int flags) {
  return pass_on(real_preadv2, fd, extents, count, offset, flags);
}

ssize_t pwritev2(int fd, const iovec* extents, int count, off_t offset, int flags) {
  return pass_on(real_pwritev2, fd, extents, count, offset, flags);
}

ssize_t pwritev64v2(int fd, const iovec* extents, int count, off64_t offset, int flags) {
  return pass_on(real_pwritev2, fd, extents, count, offset, flags);
}

ssize_t sendfile(int to, int from, off_t* offset, size_t size) noexcept {
  return pass_on(real_sendfile, to, from, offset, size);
}

ssize_t sendfile64(int to, int from, off64_t* offset, size_t size) noexcept {
  return pass_on(real_sendfile, to, from, offset, size);
}

ssize_t splice(int from, off64_t* from_offset, int to, off64_t* to_offset, size_t size,
               unsigned flags) {
  const bool ours = SocketTable::may_have(to) && refuse_bytes(to);
  return ours ? -1 : pass_on(real_splice, from, from_offset, to, to_offset, size, flags);
}

ssize_t __read_chk(int fd, void* buffer, size_t size, size_t room) {
  return pass_on(real_read_chk, fd, buffer, size, room);
}

ssize_t __recv_chk(int fd, void* buffer, size_t size, size_t room, int flags) {
  return pass_on(real_recv_chk, fd, buffer, size, room, flags);
}

ssize_t __recvfrom_chk(int fd, void* buffer, size_t size, size_t room, int flags, sockaddr* name,
                       socklen_t* length) {
  return pass_on(real_recvfrom_chk, fd, buffer, size, room, flags, name, length);
}
}
