// Sleeping on descriptors with nanoseconds to the point.
#pragma once

#include <poll.h>

#include <chrono>
#include <span>

namespace homa::io {

// Until one of `descriptors` is ready, or the time is up; a negative time is none. False: nothing
// is ready.
bool sleep_on(std::span<pollfd> descriptors, std::chrono::nanoseconds at_most);

}  // namespace homa::io
