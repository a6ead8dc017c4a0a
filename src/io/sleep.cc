#include "io/sleep.h"

#include <poll.h>
#include <sys/prctl.h>
#include <time.h>

#include <algorithm>

namespace homa::io {
namespace {

// The kernel may lengthen sleeps by a thread's timer slack, 50 us unless told otherwise.
void make_sleeps_precise() {
  thread_local const bool done = prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0) == 0;
  static_cast<void>(done);
}

}  // namespace

bool sleep_on(std::span<pollfd> descriptors, std::chrono::nanoseconds at_most) {
  make_sleeps_precise();
  using std::chrono::seconds;
  at_most = std::max(at_most, std::chrono::nanoseconds::zero());
  const auto whole = std::chrono::duration_cast<seconds>(at_most);
  const timespec limit{whole.count(), (at_most - whole).count()};
  return ppoll(descriptors.data(), descriptors.size(), &limit, nullptr) > 0;
}

}  // namespace homa::io
