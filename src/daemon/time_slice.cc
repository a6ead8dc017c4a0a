#include "daemon/time_slice.h"

#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>

namespace homa::daemon {
namespace {

// The kernel's struct sched_attr: its header does not go together with the C library's <sched.h>.
struct SchedulingAttributes {
  std::uint32_t size = sizeof(SchedulingAttributes);
  std::uint32_t policy = 0;
  std::uint64_t flags = 0;
  std::int32_t nice = 0;
  std::uint32_t priority = 0;
  std::uint64_t runtime = 0;  // of an ordinary thread: its time slice, in nanoseconds
  std::uint64_t deadline = 0;
  std::uint64_t period = 0;
};
static_assert(sizeof(SchedulingAttributes) == 48);

bool read(SchedulingAttributes& attributes) {
  return ::syscall(SYS_sched_getattr, 0, &attributes, sizeof(attributes), 0) == 0;
}

}  // namespace

Duration time_slice() {
  SchedulingAttributes attributes;
  return read(attributes) ? Duration(attributes.runtime) : Duration::zero();
}

bool shorten_time_slice() {
  SchedulingAttributes attributes;
  // Another policy was somebody's choice.
  if (!read(attributes) || attributes.policy != SCHED_OTHER) return false;
  attributes.size = sizeof(attributes);
  attributes.runtime = static_cast<std::uint64_t>(kTimeSlice.count());
  return ::syscall(SYS_sched_setattr, 0, &attributes, 0) == 0 && time_slice() == kTimeSlice;
}

}  // namespace homa::daemon
