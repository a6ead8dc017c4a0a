// The program's beginning, its forks, its signals and its end.
#include <fcntl.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <new>

#include "preload/interpose/calls.h"
#include "preload/interpose/real.h"
#include "preload/interruptions.h"

namespace homa::preload {
namespace {

constinit Real<decltype(::sigaction)> real_sigaction("sigaction");
// The table is locked during a fork, so these go past ours.
constinit Real<decltype(::fcntl)> next_fcntl("fcntl");
constinit Real<decltype(::dup3)> next_dup3("dup3");
constinit Real<decltype(::close)> next_close("close");
constinit Real<decltype(::send)> next_send("send");

// For a child: a descriptor that is always readable, and that says of which socket it is to a
// program that the child executes.
int make_readable(const SocketNote& note) {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) != 0) return -1;
  const char one = 1;
  next_send(ends[1], &one, sizeof(one), MSG_NOSIGNAL);
  next_close(ends[1]);
  write_note(ends[0], note);
  return ends[0];
}

[[gnu::constructor]] void begin() {
  try {
    Process::get().find_sockets_of_program_before();
  } catch (const std::bad_alloc&) {
    std::fputs("homa: no memory for the sockets of the program before\n", stderr);
  }
  ::pthread_atfork([] { Process::get().before_fork(); }, [] { Process::get().after_fork(); },
                   [] {
                     Process::get().after_fork_in_child(make_readable, put_in_place,
                                                        [](int fd) { return next_close(fd); });
                   });
}

[[gnu::destructor]] void end() { Process::get().end(); }

}  // namespace

void put_in_place(int fd, int by) {
  const int flags = next_fcntl(fd, F_GETFD);
  next_dup3(by, fd, flags >= 0 && (flags & FD_CLOEXEC) != 0 ? O_CLOEXEC : 0);
}

}  // namespace homa::preload

extern "C" int sigaction(int number, const struct sigaction* action,
                         struct sigaction* before) noexcept {
  return homa::preload::install_handler(number, action, before,
                                        homa::preload::real_sigaction.get());
}
