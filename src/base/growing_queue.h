// A queue in one block of memory. It grows by doubling and never shrinks, so a steady load
// allocates nothing. A new queue has no memory.
#pragma once

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

#include "base/check.h"

namespace homa::base {

template <typename T>
class GrowingQueue {
 public:
  bool empty() const { return first_ == next_; }
  std::size_t size() const { return next_ - first_; }
  void push(T value) { push_slot() = std::move(value); }
  // The same, to be filled in place; holds what was there before.
  T& push_slot() {
    if (size() == slots_.size()) grow();
    return slots_[next_++ & (slots_.size() - 1)];
  }
  // Makes room for `count` elements, so that the next pushes up to that many throw nothing.
  void reserve(std::size_t count) {
    while (slots_.size() < count) grow();
  }
  T& front() {
    HOMA_CHECK(!empty());
    return slots_[first_ & (slots_.size() - 1)];
  }
  void pop() {
    HOMA_CHECK(!empty());
    ++first_;
  }

 private:
  static constexpr std::size_t kFirstSlots = 64;  // a power of two

  void grow() {
    std::vector<T> larger(std::max(slots_.size() * 2, kFirstSlots));
    const std::size_t count = size();
    for (std::size_t i = 0; i < count; ++i) {
      larger[i] = std::move(slots_[(first_ + i) & (slots_.size() - 1)]);
    }
    slots_ = std::move(larger);
    first_ = 0;
    next_ = count;
  }

  std::vector<T> slots_;
  std::size_t first_ = 0;
  std::size_t next_ = 0;
};

}  // namespace homa::base
