#include "sim/slowdown.h"

#include <algorithm>
#include <cmath>
#include <tuple>

namespace homa::sim {
namespace {

// Nearest rank: the smallest value that at least this share of all values does not exceed.
double percentile(const std::vector<float>& sorted, double share) {
  const double rank = std::ceil(share * static_cast<double>(sorted.size()));
  const auto index = static_cast<std::size_t>(std::max(rank, 1.0)) - 1;
  return static_cast<double>(sorted[std::min(index, sorted.size() - 1)]);
}

}  // namespace

std::vector<SlowdownStatistics::Sample> SlowdownStatistics::by_size() const {
  std::vector<Sample> sorted = samples_;
  std::sort(sorted.begin(), sorted.end(), [](const Sample& a, const Sample& b) {
    return std::tie(a.bytes, a.slowdown) < std::tie(b.bytes, b.slowdown);
  });
  return sorted;
}

SlowdownSummary SlowdownStatistics::summarize(std::span<const Sample> samples) {
  SlowdownSummary summary;
  if (samples.empty()) return summary;
  std::vector<float> values;
  values.reserve(samples.size());
  for (const Sample& sample : samples) values.push_back(sample.slowdown);
  std::sort(values.begin(), values.end());
  double sum = 0;
  for (const float value : values) sum += static_cast<double>(value);
  summary.count = values.size();
  summary.mean = sum / static_cast<double>(values.size());
  summary.p50 = percentile(values, 0.5);
  summary.p99 = percentile(values, 0.99);
  summary.p999 = percentile(values, 0.999);
  summary.max = static_cast<double>(values.back());
  return summary;
}

SlowdownSummary SlowdownStatistics::all() const { return summarize(samples_); }

SlowdownSummary SlowdownStatistics::short_half() const {
  const std::vector<Sample> sorted = by_size();
  if (sorted.empty()) return {};
  const std::uint32_t median = sorted[(sorted.size() - 1) / 2].bytes;
  const auto end = std::upper_bound(sorted.begin(), sorted.end(), median,
                                    [](std::uint32_t m, const Sample& s) { return m < s.bytes; });
  return summarize({sorted.data(), static_cast<std::size_t>(end - sorted.begin())});
}

std::vector<SizeClass> SlowdownStatistics::sizes(std::uint64_t count_min) const {
  const std::vector<Sample> sorted = by_size();
  std::vector<SizeClass> classes;
  std::vector<std::size_t> begins;
  std::size_t begin = 0;
  for (std::size_t i = 1; i <= sorted.size(); ++i) {
    const bool size_ends = i == sorted.size() || sorted[i].bytes != sorted[i - 1].bytes;
    if (!size_ends || (i - begin < count_min && i != sorted.size())) continue;
    // What is left over at the end and too little for a class joins the last one.
    if (i - begin < count_min && !begins.empty()) {
      begin = begins.back();
      classes.pop_back();
      begins.pop_back();
    }
    classes.push_back(
        {sorted[begin].bytes, sorted[i - 1].bytes, summarize({sorted.data() + begin, i - begin})});
    begins.push_back(begin);
    begin = i;
  }
  return classes;
}

}  // namespace homa::sim
