#include "io/sleep.h"

#include <poll.h>
#include <sys/prctl.h>
#include <time.h>

#include <algorithm>
#include <array>

namespace homa::io {
namespace {

// The kernel may lengthen sleeps by a thread's timer slack, 50 us unless told otherwise.
void make_sleeps_precise() {
  thread_local const bool done = prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0) == 0;
  static_cast<void>(done);
}

}  // namespace

Woken sleep_on(int first, int second, std::chrono::nanoseconds at_most) {
  make_sleeps_precise();
  using std::chrono::seconds;
  at_most = std::max(at_most, std::chrono::nanoseconds::zero());
  const auto whole = std::chrono::duration_cast<seconds>(at_most);
  const timespec limit{whole.count(), (at_most - whole).count()};
  std::array<pollfd, 2> descriptors{{{first, POLLIN, 0}, {second, POLLIN, 0}}};
  const int ready = ppoll(descriptors.data(), descriptors.size(), &limit, nullptr);
  return {ready > 0 && (descriptors[0].revents & POLLERR) != 0};
}

}  // namespace homa::io
