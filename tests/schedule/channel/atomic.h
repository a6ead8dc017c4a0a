// In place of src/channel/atomic.h: each access asks the scheduler who goes on.
#pragma once

#include <functional>
#include <mutex>
#include <utility>

#include "schedule/scheduler.h"
#include "support/hooked_atomic.h"

namespace homa::channel {

struct AskScheduler {
  static void point() {
    if (auto* scheduler = schedule::Scheduler::current()) scheduler->point();
  }
};
template <typename T>
using Atomic = test::HookedAtomic<T, AskScheduler>;

class Mutex {
 public:
  void lock() {
    while (!try_lock()) schedule::Scheduler::current()->block(this);
  }
  bool try_lock() {
    auto* scheduler = schedule::Scheduler::current();
    if (scheduler != nullptr) scheduler->point();
    return !std::exchange(locked_, true);
  }
  void unlock() {
    locked_ = false;
    if (auto* scheduler = schedule::Scheduler::current()) scheduler->wake(this);
  }

 private:
  bool locked_ = false;
};

class Thread {
 public:
  Thread() = default;
  explicit Thread(std::function<void()> body)
      : index_(schedule::Scheduler::current()->spawn(std::move(body))) {}
  bool joinable() const { return index_ >= 0; }
  void join() { schedule::Scheduler::current()->join(std::exchange(index_, -1)); }

 private:
  int index_ = -1;
};

inline void yield() { schedule::Scheduler::current()->yield(); }

}  // namespace homa::channel
