// The queue of future events, in order of time. Events of the same time are first in, first out.
//
// A timing wheel with buckets of 4 ns holds the next 33 us, where nearly all events of a network
// are. Each bucket is a short sorted list. Later events wait in a heap. Nodes come from a pool, so
// events allocate nothing once the pool has reached its largest size.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/check.h"
#include "sim/sim_time.h"

namespace homa::sim {

enum class EventKind : std::uint8_t {
  kArrival,      // packet `value` reaches node `target`
  kPortFree,     // port `target` has sent its packet
  kHostTimer,    // a deadline of host `target`'s transport
  kMessage,      // the next message of the traffic begins
  kApplication,  // message `value`'s server answers (host `target`)
  kFault,        // entry `value` of the fault plan
  kSample,       // queue lengths are noted
  kTimeLimit,    // the simulation gives up
};

struct Event {
  SimTime time{};
  std::uint32_t target = 0;
  std::uint32_t value = 0;
  EventKind kind = EventKind::kArrival;
};

class EventQueue {
 public:
  EventQueue();

  // `time` is not before the time of the event popped last.
  void push(SimTime time, EventKind kind, std::uint32_t target, std::uint32_t value = 0) {
    const std::int64_t bucket = time.count() >> kBucketBits;
    HOMA_CHECK(bucket >= current_);
    ++size_;
    if (bucket - current_ >= kBuckets) {
      push_far({time, target, value, kind});
      return;
    }
    const std::uint32_t index = take_node();
    Node& node = nodes_[index];
    node.event = {time, target, value, kind};
    const auto slot = static_cast<std::size_t>(bucket & (kBuckets - 1));
    std::uint32_t* link = &heads_[slot];
    if (*link == kNone) mark(slot);
    while (*link != kNone && nodes_[*link].event.time <= time) link = &nodes_[*link].next;
    node.next = *link;
    *link = index;
  }

  // False when nothing is left.
  bool pop(Event& event);

  std::size_t size() const { return size_; }
  std::uint64_t popped() const { return popped_; }

 private:
  static constexpr int kBucketBits = 12;
  static constexpr std::int64_t kBuckets = 8192;
  static constexpr std::uint32_t kNone = 0xffffffff;
  static constexpr std::size_t kWords = kBuckets / 64;

  struct Node {
    Event event;
    std::uint32_t next = kNone;
  };
  struct Far {
    Event event;
    std::uint64_t order;
  };

  std::uint32_t take_node() {
    if (free_ == kNone) grow();
    const std::uint32_t index = free_;
    free_ = nodes_[index].next;
    return index;
  }
  void mark(std::size_t slot) {
    occupied_[slot / 64] |= std::uint64_t{1} << (slot % 64);
    summary_[slot / 4096] |= std::uint64_t{1} << (slot / 64 % 64);
  }
  void grow();
  void push_far(const Event& event);
  static bool later(const Far& a, const Far& b) {
    return a.event.time != b.event.time ? a.event.time > b.event.time : a.order > b.order;
  }
  // The first occupied slot at or after the current one, around the wheel; kBuckets if none.
  std::size_t first_slot() const;

  std::int64_t current_ = 0;  // bucket of the last event popped
  std::uint32_t free_ = kNone;
  std::size_t size_ = 0;
  std::uint64_t popped_ = 0;
  std::uint64_t far_order_ = 0;
  std::array<std::uint64_t, kWords / 64> summary_{};
  std::array<std::uint64_t, kWords> occupied_{};
  std::vector<std::uint32_t> heads_;
  std::vector<Node> nodes_;
  std::vector<Far> far_;  // a heap, soonest first
};

}  // namespace homa::sim
