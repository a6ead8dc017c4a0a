// The program's beginning, its forks, its signals and its end.
#include <fcntl.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <csignal>

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

// Puts a descriptor that is always readable in the place of a child's copy.
void make_readable(int fd) {
  const int readable = ::eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
  if (readable < 0) return;
  put_in_place(fd, readable);
  next_close(readable);
}

[[gnu::constructor]] void begin() {
  Process::get();
  ::pthread_atfork([] { Process::get().before_fork(); }, [] { Process::get().after_fork(); },
                   [] { Process::get().after_fork_in_child(make_readable); });
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
