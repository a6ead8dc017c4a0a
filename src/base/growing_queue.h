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
    if (size() == capacity_) grow();
    return slots_[next_++ & (capacity_ - 1)];
  }
  // That it has room for.
  std::size_t capacity() const { return capacity_; }
  // Makes room for `count` elements, so that the next pushes up to that many throw nothing.
  void reserve(std::size_t count) {
    while (capacity_ < count) grow();
  }
  T& front() {
    HOMA_CHECK(!empty());
    return slots_[first_ & (capacity_ - 1)];
  }
  // The element that leaves; it stays valid until the next push.
  T& pop() {
    T& first = front();
    ++first_;
    return first;
  }

 private:
  static constexpr std::size_t kFirstSlots = 64;  // a power of two

  void grow() {
    std::vector<T> larger(std::max(capacity_ * 2, kFirstSlots));
    const std::size_t count = size();
    for (std::size_t i = 0; i < count; ++i) {
      larger[i] = std::move(slots_[(first_ + i) & (capacity_ - 1)]);
    }
    slots_ = std::move(larger);
    capacity_ = slots_.size();
    first_ = 0;
    next_ = count;
  }

  std::vector<T> slots_;
  std::size_t capacity_ = 0;  // of slots_: 0 or a power of two
  std::size_t first_ = 0;
  std::size_t next_ = 0;
};

}  // namespace homa::base
