// A queue in one block of memory that grows by doubling and never shrinks, so that a steady load
// allocates nothing.
#pragma once

#include <cstddef>
#include <utility>
#include <vector>

#include "base/check.h"

namespace homa::base {

template <typename T>
class Ring {
 public:
  explicit Ring(std::size_t capacity = 64) : slots_(power_of_two(capacity)) {}

  bool empty() const { return first_ == next_; }
  std::size_t size() const { return next_ - first_; }
  void push(T value) {
    if (size() == slots_.size()) grow();
    slots_[next_++ & (slots_.size() - 1)] = std::move(value);
  }
  // The same, to be filled in place; holds what was there before.
  T& push_slot() {
    if (size() == slots_.size()) grow();
    return slots_[next_++ & (slots_.size() - 1)];
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
  static std::size_t power_of_two(std::size_t at_least) {
    std::size_t size = 1;
    while (size < at_least) size *= 2;
    return size;
  }
  void grow() {
    std::vector<T> larger(slots_.size() * 2);
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
