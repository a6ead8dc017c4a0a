// Descriptors that come, go and are duplicated.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdarg>
#include <utility>
#include <vector>

#include "preload/interpose/calls.h"
#include "preload/interpose/real.h"

namespace homa::preload {
namespace {

constinit Real<decltype(::close)> real_close("close");
constinit Real<decltype(::close_range)> real_close_range("close_range");
constinit Real<decltype(::closefrom)> real_closefrom("closefrom");
constinit Real<decltype(::dup)> real_dup("dup");
constinit Real<decltype(::dup2)> real_dup2("dup2");
constinit Real<decltype(::dup3)> real_dup3("dup3");
constinit Real<decltype(::fcntl)> real_fcntl("fcntl");
constinit Real<decltype(::munmap)> real_munmap("munmap");

void forget_range(unsigned first, unsigned last) {
  Process& process = Process::get();
  if (process.table().empty() || !process.owns_table()) return;
  for (const SocketTable::Entry& socket : process.table().remove_range(first, last)) {
    socket->drop_descriptor();
  }
}

// F_DUPFD and F_DUPFD_CLOEXEC.
int duplicate(int fd, int command, void* argument, SocketTable::Entry socket) {
  const int made = real_fcntl(fd, command, argument);
  if (made >= 0) note_descriptor(made, std::move(socket));
  return made;
}

int control(int fd, int command, void* argument) {
  SocketTable::Entry socket = find_socket(fd);
  if (!socket) return real_fcntl(fd, command, argument);
  switch (command) {
    case F_DUPFD:
    case F_DUPFD_CLOEXEC: return duplicate(fd, command, argument, std::move(socket));
    case F_GETFL: return O_RDWR | (socket->nonblocking() ? O_NONBLOCK : 0);
    case F_SETFL:
      socket->set_nonblocking((reinterpret_cast<std::uintptr_t>(argument) & O_NONBLOCK) != 0);
      return 0;
    default: return real_fcntl(fd, command, argument);
  }
}

}  // namespace

void note_descriptor(int fd, SocketTable::Entry socket) {
  Process& process = Process::get();
  if (!process.owns_table()) return;
  if (process.table().may_have(fd)) {
    if (const auto before = process.table().remove(fd)) before->drop_descriptor();
  }
  if (!socket) return;
  socket->add_descriptor();
  if (!process.table().add(fd, socket)) socket->drop_descriptor();
}

}  // namespace homa::preload

using namespace homa::preload;

extern "C" {

int close(int fd) {
  if (!SocketTable::may_have(fd)) return real_close(fd);
  Process& process = Process::get();
  if (!process.owns_table()) return real_close(fd);
  // Before the number can belong to something else.
  const auto socket = process.table().remove(fd);
  const int result = real_close(fd);
  if (socket) socket->drop_descriptor();
  return result;
}

int close_range(unsigned first, unsigned last, int flags) noexcept {
  if ((static_cast<unsigned>(flags) & CLOSE_RANGE_CLOEXEC) == 0) forget_range(first, last);
  return real_close_range(first, last, flags);
}

void closefrom(int first) noexcept {
  forget_range(first < 0 ? 0 : static_cast<unsigned>(first), ~0U);
  real_closefrom(first);
}

// Receive memory that goes before its socket: nothing must be put there any more.
int munmap(void* address, size_t length) noexcept {
  Process& process = Process::get();
  if (!process.table().empty() && process.owns_table()) {
    const auto begin = reinterpret_cast<std::uint64_t>(address);
    const auto uses = [&](const KernelSocket& socket) {
      return socket.uses_memory(begin, begin + length);
    };
    while (const auto socket = process.table().find_if(uses)) socket->lose_memory();
  }
  return real_munmap(address, length);
}

int dup(int fd) noexcept {
  auto socket = find_socket(fd);
  const int made = real_dup(fd);
  if (made >= 0 && socket) note_descriptor(made, std::move(socket));
  return made;
}

int dup2(int fd, int wanted) noexcept {
  auto socket = find_socket(fd);
  const int made = real_dup2(fd, wanted);
  if (made >= 0 && made != fd) note_descriptor(made, std::move(socket));
  return made;
}

int dup3(int fd, int wanted, int flags) noexcept {
  auto socket = find_socket(fd);
  const int made = real_dup3(fd, wanted, flags);
  if (made >= 0) note_descriptor(made, std::move(socket));
  return made;
}

int fcntl(int fd, int command, ...) {
  va_list arguments;
  va_start(arguments, command);
  void* const argument = va_arg(arguments, void*);
  va_end(arguments);
  return control(fd, command, argument);
}

int fcntl64(int fd, int command, ...) {
  va_list arguments;
  va_start(arguments, command);
  void* const argument = va_arg(arguments, void*);
  va_end(arguments);
  return control(fd, command, argument);
}
}
