#include "sim/event_queue.h"

#include <algorithm>

namespace homa::sim {

EventQueue::EventQueue() : heads_(static_cast<std::size_t>(kBuckets), kNone) {}

void EventQueue::grow() {
  const std::size_t old = nodes_.size();
  nodes_.resize(std::max<std::size_t>(1024, old * 2));
  for (std::size_t i = nodes_.size(); i-- > old;) {
    nodes_[i].next = free_;
    free_ = static_cast<std::uint32_t>(i);
  }
}

void EventQueue::push_far(const Event& event) {
  far_.push_back({event, far_order_++});
  std::push_heap(far_.begin(), far_.end(), later);
}

std::size_t EventQueue::first_slot() const {
  const auto start = static_cast<std::size_t>(current_ & (kBuckets - 1));
  const std::uint64_t here = occupied_[start / 64] >> (start % 64);
  if (here != 0) return start + static_cast<std::size_t>(std::countr_zero(here));
  // The following words, then around to the start's own word: its slots below the start are last.
  std::size_t word = (start / 64 + 1) % kWords;
  for (std::size_t group = 0; group <= summary_.size(); ++group) {
    const std::uint64_t rest = summary_[word / 64] >> (word % 64);
    if (rest != 0) {
      word += static_cast<std::size_t>(std::countr_zero(rest));
      return word * 64 + static_cast<std::size_t>(std::countr_zero(occupied_[word]));
    }
    word = (word / 64 + 1) % summary_.size() * 64;
  }
  return static_cast<std::size_t>(kBuckets);
}

bool EventQueue::pop(Event& event) {
  if (size_ == 0) return false;
  const std::size_t slot = first_slot();
  const bool near = slot < static_cast<std::size_t>(kBuckets);
  // At equal times the far event was pushed first: it was pushed when it was still far away.
  if (!far_.empty() && (!near || far_.front().event.time <= nodes_[heads_[slot]].event.time)) {
    event = far_.front().event;
    std::pop_heap(far_.begin(), far_.end(), later);
    far_.pop_back();
  } else {
    const std::uint32_t index = heads_[slot];
    Node& node = nodes_[index];
    event = node.event;
    heads_[slot] = node.next;
    if (node.next == kNone) {
      occupied_[slot / 64] &= ~(std::uint64_t{1} << (slot % 64));
      if (occupied_[slot / 64] == 0) {
        summary_[slot / 4096] &= ~(std::uint64_t{1} << (slot / 64 % 64));
      }
    }
    node.next = free_;
    free_ = index;
  }
  current_ = event.time.count() >> kBucketBits;
  --size_;
  ++popped_;
  return true;
}

}  // namespace homa::sim
