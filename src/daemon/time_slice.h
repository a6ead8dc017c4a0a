// How long homad keeps a processor from programs that wait for it.
#pragma once

#include "base/time.h"

namespace homa::daemon {

// The kernel's least. Programs that homad wakes wait for its turn to end if no other processor is
// free, and homad gets its turn sooner itself (sched(7), sched_setattr(2)).
inline constexpr Duration kTimeSlice{100'000};

// Of this thread; zero: the kernel does not say.
Duration time_slice();
// Of this thread from now on. False: the kernel knows no time slices of its own (before 6.12); then
// nothing happens.
bool shorten_time_slice();

}  // namespace homa::daemon
