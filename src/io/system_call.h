// The system calls of the packet path, without what libc wraps around them: each is a cancellation
// point there, which costs two atomic operations per call in a process with threads (1.5 % of a
// round trip). errno is set as usual.
#pragma once

#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstddef>

namespace homa::io {

inline ssize_t receive_message(int socket, msghdr* message, int flags) {
  return ::syscall(SYS_recvmsg, socket, message, flags);
}
inline ssize_t receive_from(int socket, const iovec& bytes, int flags, sockaddr* source,
                            socklen_t* source_length) {
  return ::syscall(SYS_recvfrom, socket, bytes.iov_base, bytes.iov_len, flags, source,
                   source_length);
}
inline ssize_t send_message(int socket, const msghdr* message, int flags) {
  return ::syscall(SYS_sendmsg, socket, message, flags);
}
inline ssize_t send_to(int socket, const std::byte* bytes, std::size_t length, int flags,
                       const sockaddr* destination, socklen_t destination_length) {
  return ::syscall(SYS_sendto, socket, bytes, length, flags, destination, destination_length);
}

}  // namespace homa::io
