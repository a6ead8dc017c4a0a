// The atomics, locks and threads by which the two ends of a channel, and the threads of a socket,
// work together.
//
// The one place to change for tests that explore schedules: their build puts a folder with its own
// "channel/atomic.h" in front of this one, which asks a scheduler before each access
// (tests/schedule).
#pragma once

#include <atomic>
#include <mutex>
#include <thread>

namespace homa::channel {

template <typename T>
using Atomic = std::atomic<T>;
using Mutex = std::mutex;
using Thread = std::thread;

// Somebody else may need this core.
inline void yield() { std::this_thread::yield(); }

}  // namespace homa::channel
