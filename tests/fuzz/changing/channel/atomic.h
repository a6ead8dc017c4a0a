// In place of src/channel/atomic.h: before each access, whoever shares the memory may change it.
#pragma once

#include <mutex>
#include <thread>

#include "support/hooked_atomic.h"

namespace homa::channel {

// What happens before each access; nullptr: nothing.
inline void (*before_access)() = nullptr;

struct ChangeBefore {
  static void point() {
    if (before_access != nullptr) before_access();
  }
};
template <typename T>
using Atomic = test::HookedAtomic<T, ChangeBefore>;
using Mutex = std::mutex;
using Thread = std::thread;

inline void yield() {}

}  // namespace homa::channel
