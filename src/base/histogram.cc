#include "base/histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>

namespace homa::base {
namespace {

constexpr int kBits = Histogram::kPrecisionBits;
constexpr std::uint64_t kParts = std::uint64_t{1} << kBits;  // of each power of two

// Values below 2 * kParts have a bucket each; above, the kBits + 1 leading bits decide.
std::size_t bucket_of(std::uint64_t value) {
  const int shift = std::max(0, static_cast<int>(std::bit_width(value)) - (kBits + 1));
  return static_cast<std::size_t>((static_cast<std::uint64_t>(shift) << kBits) + (value >> shift));
}

// The largest value of a bucket.
std::uint64_t last_of(std::size_t bucket) {
  if (bucket < 2 * kParts) return bucket;
  const std::uint64_t shift = (bucket >> kBits) - 1;
  const std::uint64_t leading = kParts + (bucket & (kParts - 1));
  return ((leading + 1) << shift) - 1;
}

}  // namespace

void Histogram::add(std::uint64_t value, std::uint64_t times) {
  if (times == 0) return;
  const std::size_t bucket = bucket_of(value);
  if (bucket >= counts_.size()) counts_.resize(bucket + 1);
  counts_[bucket] += times;
  count_ += times;
  min_ = std::min(min_, value);
  max_ = std::max(max_, value);
  sum_ += static_cast<double>(value) * static_cast<double>(times);
}

void Histogram::add(const Histogram& other) {
  if (other.counts_.size() > counts_.size()) counts_.resize(other.counts_.size());
  for (std::size_t i = 0; i < other.counts_.size(); ++i) counts_[i] += other.counts_[i];
  count_ += other.count_;
  min_ = std::min(min_, other.min_);
  max_ = std::max(max_, other.max_);
  sum_ += other.sum_;
}

double Histogram::mean() const { return count_ == 0 ? 0 : sum_ / static_cast<double>(count_); }

std::uint64_t Histogram::percentile(double share) const {
  if (count_ == 0) return 0;
  const double rank = std::ceil(std::clamp(share, 0.0, 1.0) * static_cast<double>(count_));
  const auto wanted = std::clamp<std::uint64_t>(static_cast<std::uint64_t>(rank), 1, count_);
  std::uint64_t seen = 0;
  for (std::size_t bucket = 0; bucket < counts_.size(); ++bucket) {
    seen += counts_[bucket];
    if (seen >= wanted) return std::min(last_of(bucket), max_);
  }
  return max_;
}

}  // namespace homa::base
