// In place of src/channel/atomic.h: before each access, whoever shares the memory may change it.
#pragma once

#include <atomic>
#include <mutex>
#include <thread>

namespace homa::channel {

// What happens before each access; nullptr: nothing.
inline void (*before_access)() = nullptr;

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
  T fetch_add(T value, std::memory_order = std::memory_order_seq_cst) {
    point();
    return value_.fetch_add(value);
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

 private:
  static void point() {
    if (before_access != nullptr) before_access();
  }
  std::atomic<T> value_{};
};
using Mutex = std::mutex;
using Thread = std::thread;

inline void yield() {}

}  // namespace homa::channel
