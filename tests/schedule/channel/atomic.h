// In place of src/channel/atomic.h: each access asks the scheduler who goes on.
#pragma once

#include <atomic>
#include <functional>
#include <mutex>
#include <utility>

#include "schedule/scheduler.h"

namespace homa::channel {

template <typename T>
class Atomic {
 public:
  Atomic() = default;
  Atomic(T value) : value_(value) {}  // NOLINT: as std::atomic
  Atomic(const Atomic&) = delete;
  Atomic& operator=(const Atomic&) = delete;

  T load(std::memory_order = std::memory_order_seq_cst) const {
    point();
    return value_.load();
  }
  void store(T value, std::memory_order = std::memory_order_seq_cst) {
    point();
    value_.store(value);
  }
  T exchange(T value, std::memory_order = std::memory_order_seq_cst) {
    point();
    return value_.exchange(value);
  }
  bool compare_exchange_strong(T& expected, T value,
                               std::memory_order = std::memory_order_seq_cst) {
    point();
    return value_.compare_exchange_strong(expected, value);
  }
  bool compare_exchange_weak(T& expected, T value, std::memory_order = std::memory_order_seq_cst) {
    return compare_exchange_strong(expected, value);
  }
  T fetch_add(T value, std::memory_order = std::memory_order_seq_cst) {
    point();
    return value_.fetch_add(value);
  }
  T fetch_sub(T value, std::memory_order = std::memory_order_seq_cst) {
    point();
    return value_.fetch_sub(value);
  }
  T fetch_or(T value, std::memory_order = std::memory_order_seq_cst) {
    point();
    return value_.fetch_or(value);
  }
  T fetch_and(T value, std::memory_order = std::memory_order_seq_cst) {
    point();
    return value_.fetch_and(value);
  }
  operator T() const { return load(); }  // NOLINT: as std::atomic
  T operator=(T value) {
    store(value);
    return value;
  }

 private:
  static void point() {
    if (auto* scheduler = schedule::Scheduler::current()) scheduler->point();
  }
  std::atomic<T> value_{};
};

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
