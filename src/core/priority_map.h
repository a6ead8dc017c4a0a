// Which of the eight network priorities a packet uses (docs/protocol.md#priorities): ours to
// publish for unscheduled bytes (cutoffs) and to hand out with grants (the levels below).
#pragma once

#include <array>
#include <cstdint>

#include "base/types.h"

namespace homa::core {

// By priority, the longest message whose unscheduled bytes may use it; 0: not for unscheduled.
using Cutoffs = std::array<std::uint32_t, kPriorities>;

// The highest level whose cutoff is at least `length`; the lowest in use when there is none.
Priority unscheduled_priority(const Cutoffs& cutoffs, std::uint32_t length);

class PriorityMap {
 public:
  // levels: 1..8 in use, the highest ones of the eight.
  PriorityMap(Priority levels, const Cutoffs& cutoffs);

  const Cutoffs& cutoffs() const { return cutoffs_; }
  std::uint16_t version() const { return version_; }  // never 0
  // Before a peer's cutoffs are known.
  Priority unscheduled_default() const { return levels_ == 1 ? 7 : 6; }
  // Of a grant to the rank-th (0: fewest bytes left) of `active` messages.
  Priority scheduled(std::uint32_t rank, std::uint32_t active) const;
  // Of a grant out of turn to the oldest message: the highest of the levels that grants use. Such a
  // grant is a burst, and must not hold up what is unscheduled (docs/protocol.md#grants).
  Priority fifo() const;

  // A message was announced: `unscheduled` of its `length` bytes need no grant.
  void count(std::uint32_t length, std::uint32_t unscheduled);
  // Chooses cutoffs for the traffic counted since the last call, then starts counting anew. False
  // when they stay: fewer than `messages_min` messages, or hardly a change. O(1).
  bool recompute(std::uint32_t messages_min);

 private:
  // Sizes fall into buckets of an eighth of a power of two.
  static constexpr std::size_t kBuckets = 8 * 30;
  static std::size_t bucket_of(std::uint32_t length);
  static std::uint32_t bucket_limit(std::size_t bucket);
  Cutoffs balanced(unsigned unscheduled_levels) const;
  std::uint32_t scheduled_levels() const;

  Priority levels_;
  Priority lowest_;  // of the levels in use
  Cutoffs cutoffs_;
  std::uint16_t version_ = 1;
  std::array<std::uint64_t, kBuckets> unscheduled_bytes_{};  // by size of their message
  std::uint64_t unscheduled_total_ = 0;
  std::uint64_t bytes_total_ = 0;
  std::uint32_t messages_ = 0;
};

}  // namespace homa::core
