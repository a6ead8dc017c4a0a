#include "observe/distribution.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/buckets.h"

namespace homa::observe {

std::uint64_t Distribution::count() const {
  return std::accumulate(counts.begin(), counts.end(), std::uint64_t{0});
}

double Distribution::mean() const {
  const std::uint64_t values = count();
  return values == 0 ? 0 : static_cast<double>(sum) / static_cast<double>(values);
}

std::uint64_t Distribution::percentile(double share) const {
  const std::uint64_t values = count();
  if (values == 0) return 0;
  const double rank = std::ceil(std::clamp(share, 0.0, 1.0) * static_cast<double>(values));
  const auto wanted = std::clamp<std::uint64_t>(static_cast<std::uint64_t>(rank), 1, values);
  std::uint64_t seen = 0;
  for (std::size_t bucket = 0; bucket < counts.size(); ++bucket) {
    seen += counts[bucket];
    if (seen >= wanted) return base::last_of_bucket(bucket, precision);
  }
  return 0;
}

Distribution Distribution::since(const Distribution& earlier) const {
  Distribution difference = *this;
  difference.sum -= std::min(sum, earlier.sum);
  for (std::size_t i = 0; i < std::min(counts.size(), earlier.counts.size()); ++i) {
    difference.counts[i] -= std::min(counts[i], earlier.counts[i]);
  }
  return difference;
}

void Distribution::add(const Distribution& other) {
  sum += other.sum;
  counts.resize(std::max(counts.size(), other.counts.size()));
  for (std::size_t i = 0; i < other.counts.size(); ++i) counts[i] += other.counts[i];
}

}  // namespace homa::observe
