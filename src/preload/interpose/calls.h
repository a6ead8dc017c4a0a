// What the functions that this library puts in front of the C library's have in common.
#pragma once

#include <unistd.h>

#include <cerrno>
#include <new>

#include "preload/process.h"

namespace homa::preload {

// The Homa socket behind a descriptor; null for all others, which cost one read.
inline SocketTable::Entry find_socket(int fd) {
  if (__builtin_expect(!SocketTable::may_have(fd), true)) return nullptr;
  return Process::get().table().find(fd);
}

// Puts `by` in the place of a descriptor, which stays close-on-exec or not.
void put_in_place(int fd, int by);

// The same for a call that uses the socket: see Process::find_to_use().
inline SocketTable::Entry find_to_use(int fd) {
  if (__builtin_expect(!SocketTable::may_have(fd), true)) return nullptr;
  return Process::get().find_to_use(fd, put_in_place);
}

// -1 with errno.
inline long fail(KernelSocket& socket, const Failure& failure) {
  // The program's exit shut the socket down: no thread learns of that any more.
  while (failure.number == ESHUTDOWN && Process::get().ended_by_other()) ::pause();
  socket.remember(failure.text);
  errno = failure.number;
  return -1;
}

// Does `call` on the socket, and tells of its result as system calls do.
template <typename Call>
long answer(KernelSocket& socket, Call call) {
  try {
    const KernelSocket::Done done = call();
    return done ? *done : fail(socket, done.error());
  } catch (const std::bad_alloc&) {
    errno = ENOMEM;
    return -1;
  }
}

// A call that the kernel's Homa does not have.
inline long refuse_call(KernelSocket& socket, int number, const char* why) {
  return answer(socket, [&]() -> KernelSocket::Done { return refuse(number, why); });
}

// `fd` is the program's new descriptor of `socket`; null: of something else. Whatever had the
// number before is gone.
void note_descriptor(int fd, SocketTable::Entry socket);

}  // namespace homa::preload
