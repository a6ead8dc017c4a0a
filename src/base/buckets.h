// HdrHistogram's buckets: they grow in powers of two, and each power of two is divided into
// 2^precision equal parts. So a bucket is never wider than its values / 2^precision.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace homa::base {

// Values below 2^(precision + 1) have a bucket each; above, the precision + 1 leading bits decide.
constexpr std::size_t bucket_of(std::uint64_t value, int precision) {
  const int shift = std::max(0, static_cast<int>(std::bit_width(value)) - (precision + 1));
  return static_cast<std::size_t>((static_cast<std::uint64_t>(shift) << precision) +
                                  (value >> shift));
}

// The largest value of a bucket.
constexpr std::uint64_t last_of_bucket(std::size_t bucket, int precision) {
  const std::uint64_t parts = std::uint64_t{1} << precision;
  if (bucket < 2 * parts) return bucket;
  const std::uint64_t shift = (bucket >> precision) - 1;
  const std::uint64_t leading = parts + (bucket & (parts - 1));
  return ((leading + 1) << shift) - 1;
}

}  // namespace homa::base
