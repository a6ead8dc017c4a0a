#include "channel/kernel.h"

#include <linux/futex.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <ctime>

#include "base/failure.h"

namespace homa::channel {
namespace {

// The words may lie in memory that processes share: no FUTEX_PRIVATE_FLAG.
long futex(WakeWord& word, int operation, std::uint32_t value, const timespec* deadline) {
  return ::syscall(SYS_futex, reinterpret_cast<std::uint32_t*>(&word), operation, value, deadline,
                   nullptr, FUTEX_BITSET_MATCH_ANY);
}

}  // namespace

void futex_wait(WakeWord& word, std::uint32_t value, SleepDeadline deadline) {
  timespec until{};
  if (deadline) {
    const auto since_boot = deadline->time_since_epoch();
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(since_boot);
    until.tv_sec = seconds.count();
    until.tv_nsec = std::chrono::nanoseconds(since_boot - seconds).count();
  }
  // FUTEX_WAIT_BITSET takes an absolute time on CLOCK_MONOTONIC, which is what steady_clock reads.
  futex(word, FUTEX_WAIT_BITSET, value, deadline ? &until : nullptr);
}

void futex_wake(WakeWord& word) { futex(word, FUTEX_WAKE_BITSET, 1, nullptr); }

Result<int, Error> create_descriptor() {
  const int fd = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (fd >= 0) return fd;
  return system_failure("cannot create an eventfd", errno);
}

void signal_descriptor(int fd) {
  const std::uint64_t one = 1;
  // It can only fail when the counter is full, that is, readable.
  [[maybe_unused]] const auto written = ::write(fd, &one, sizeof(one));
}

bool clear_descriptor(int fd) {
  std::uint64_t count = 0;
  return ::read(fd, &count, sizeof(count)) == sizeof(count);
}

}  // namespace homa::channel
