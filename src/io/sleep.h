// Sleeping on descriptors with nanoseconds to the point.
#pragma once

#include <poll.h>

#include <chrono>
#include <span>

namespace homa::io {

struct Woken {
  bool error = false;  // the first descriptor has an error to report
};

// Until one of the two (-1: none) is readable, or the time is up; a negative time is none.
Woken sleep_on(int first, int second, std::chrono::nanoseconds at_most);
// Until one of `descriptors` is ready, or the time is up. False: nothing is ready.
bool sleep_on(std::span<pollfd> descriptors, std::chrono::nanoseconds at_most);

}  // namespace homa::io
