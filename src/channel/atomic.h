// The atomics that channels share their state through.
//
// The one place to change for tests that explore schedules: their build puts a folder with its own
// "channel/atomic.h" in front of this one, whose Atomic asks a scheduler before each access.
#pragma once

#include <atomic>

namespace homa::channel {

template <typename T>
using Atomic = std::atomic<T>;

}  // namespace homa::channel
