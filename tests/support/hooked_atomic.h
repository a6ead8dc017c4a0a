// std::atomic, with Hook::point() before each access. tests/schedule and tests/fuzz put it in place
// of src/channel/atomic.h.
#pragma once

#include <atomic>

namespace homa::test {

template <typename T, typename Hook>
class HookedAtomic {
 public:
  HookedAtomic() = default;
  HookedAtomic(T value) : value_(value) {}  // NOLINT: as std::atomic
  HookedAtomic(const HookedAtomic&) = delete;
  HookedAtomic& operator=(const HookedAtomic&) = delete;

  T load(std::memory_order = std::memory_order_seq_cst) const {
    Hook::point();
    return value_.load();
  }
  void store(T value, std::memory_order = std::memory_order_seq_cst) {
    Hook::point();
    value_.store(value);
  }
  T exchange(T value, std::memory_order = std::memory_order_seq_cst) {
    Hook::point();
    return value_.exchange(value);
  }
  bool compare_exchange_strong(T& expected, T value,
                               std::memory_order = std::memory_order_seq_cst) {
    Hook::point();
    return value_.compare_exchange_strong(expected, value);
  }
  bool compare_exchange_weak(T& expected, T value, std::memory_order = std::memory_order_seq_cst) {
    return compare_exchange_strong(expected, value);
  }
  T fetch_add(T value, std::memory_order = std::memory_order_seq_cst) {
    Hook::point();
    return value_.fetch_add(value);
  }
  T fetch_sub(T value, std::memory_order = std::memory_order_seq_cst) {
    Hook::point();
    return value_.fetch_sub(value);
  }
  T fetch_or(T value, std::memory_order = std::memory_order_seq_cst) {
    Hook::point();
    return value_.fetch_or(value);
  }
  T fetch_and(T value, std::memory_order = std::memory_order_seq_cst) {
    Hook::point();
    return value_.fetch_and(value);
  }
  operator T() const { return load(); }  // NOLINT: as std::atomic
  T operator=(T value) {
    store(value);
    return value;
  }

 private:
  std::atomic<T> value_{};
};

}  // namespace homa::test
