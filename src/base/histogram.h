// How often which value occurred, in memory that does not grow: for times, sizes and ratios whose
// percentiles matter.
//
// The method is HdrHistogram's: buckets grow in powers of two, and each power of two is divided
// into as many equal parts as precision asks for. A percentile is off by at most 1 part in 1024 of
// its value; count, least, greatest value and mean are exact.
#pragma once

#include <cstdint>
#include <vector>

namespace homa::base {

class Histogram {
 public:
  static constexpr int kPrecisionBits = 10;

  // O(1); allocates when a value is larger than all before, at most some 55,000 counters of 8
  // bytes.
  void add(std::uint64_t value, std::uint64_t times = 1);
  void add(const Histogram& other);

  std::uint64_t count() const { return count_; }
  std::uint64_t min() const { return count_ == 0 ? 0 : min_; }
  std::uint64_t max() const { return max_; }
  double mean() const;
  // The smallest recorded value that `share` of all values do not exceed, 0 <= share <= 1, rounded
  // up within its bucket and never above max(). 0 when nothing was recorded.
  std::uint64_t percentile(double share) const;

 private:
  std::vector<std::uint64_t> counts_;
  std::uint64_t count_ = 0;
  std::uint64_t min_ = ~std::uint64_t{0}, max_ = 0;
  double sum_ = 0;
};

}  // namespace homa::base
