// How long RPCs take and how long messages are, as the state file shows it.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "base/buckets.h"
#include "base/time.h"
#include "trace/state_layout.h"
#include "trace/trace.h"

namespace homa::engine {

// One writer; any process reads it.
template <int kPrecisionBits, std::size_t kLargestBits>
struct PublishedHistogram {
  static constexpr int kPrecision = kPrecisionBits;
  static constexpr std::size_t kBuckets =
      base::bucket_of((std::uint64_t{1} << kLargestBits) - 1, kPrecision) + 1;

  trace::Cell sum{0};
  std::array<trace::Cell, kBuckets> counts{};

  void add(std::uint64_t value) {
    trace::add(sum, value);
    trace::add(counts[std::min(base::bucket_of(value, kPrecision), kBuckets - 1)]);
  }
};

// RPCs by the longer of their two messages; 0: longer than all others.
inline constexpr std::array<std::uint32_t, 6> kSizeClasses = {256,     1'500,     10'000,
                                                              100'000, 1'000'000, 0};
constexpr std::size_t size_class_of(std::uint32_t bytes) {
  std::size_t found = 0;
  while (found + 1 < kSizeClasses.size() && bytes > kSizeClasses[found]) ++found;
  return found;
}

// In the state file.
struct Histograms {
  // Nanoseconds, up to 18 minutes; off by at most 3 %.
  std::array<PublishedHistogram<5, 40>, kSizeClasses.size()> rpc_time{};
  // Bytes; exact below 256, and off by at most 0.8 % above.
  PublishedHistogram<7, 30> sent{}, received{};
};

// What the engine measures while it works. Times are the clock's, as the engine's step got it: an
// RPC's begins when the engine takes it from its application.
class Measured {
 public:
  explicit Measured(Histograms& to) : to_(to) {}

  Time clock() const { return clock_; }
  void set_clock(Time clock) { clock_ = clock; }
  void sent(std::uint32_t bytes) { to_.sent.add(bytes); }
  void received(std::uint32_t bytes) { to_.received.add(bytes); }
  // An RPC of ours that began at `began` is over. `longest`: of its messages.
  void completed(Time began, std::uint32_t longest) {
    // Threads that take turns may have read the clock before they got theirs.
    const Duration took = std::max(clock_ - began, Duration::zero());
    to_.rpc_time[size_class_of(longest)].add(static_cast<std::uint64_t>(took.count()));
  }

 private:
  Histograms& to_;
  Time clock_{};
};

}  // namespace homa::engine
