// Slowdowns of messages: completion time / best possible time. Percentiles are exact, because every
// measured message is kept (8 bytes each).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace homa::sim {

struct SlowdownSummary {
  std::uint64_t count = 0;
  double mean = 0;
  double p50 = 0;
  double p99 = 0;
  double p999 = 0;
  double max = 0;
};

// Messages of bytes_min..bytes_max.
struct SizeClass {
  std::uint32_t bytes_min = 0;
  std::uint32_t bytes_max = 0;
  SlowdownSummary slowdown;
};

class SlowdownStatistics {
 public:
  void add(std::uint32_t bytes, double slowdown) {
    samples_.push_back({bytes, static_cast<float>(slowdown)});
  }
  std::size_t count() const { return samples_.size(); }

  SlowdownSummary all() const;
  // The shortest half: every message not longer than the median size (so at least half of them).
  SlowdownSummary short_half() const;
  // One class for each size that occurs. Neighbours are merged until a class has at least
  // `count_min` messages, because the P99 of fewer means little. The last class takes the rest.
  std::vector<SizeClass> sizes(std::uint64_t count_min) const;

 private:
  struct Sample {
    std::uint32_t bytes;
    float slowdown;
  };
  std::vector<Sample> by_size() const;
  static SlowdownSummary summarize(std::span<const Sample> samples);

  std::vector<Sample> samples_;
};

}  // namespace homa::sim
