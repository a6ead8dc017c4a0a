#include "tools/bench/statistics.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>
#include <map>
#include <utility>

namespace homa::tools {
namespace {

// The largest size among the shortest `share` of the messages.
std::uint32_t quantile(const sim::WorkloadDistribution& workload, double share) {
  return workload.sample(std::max(0.0, share - 1e-9));
}

// Slowdowns are counted in thousandths.
constexpr double kSlowdownUnit = 1e3;

void add_slowdown(base::Histogram& slowdowns, double ratio) {
  slowdowns.add(static_cast<std::uint64_t>(std::llround(ratio * kSlowdownUnit)));
}

SizeFigures figures_between(std::span<const BenchSample> samples, std::uint32_t from,
                            std::uint32_t to, const UnloadedCurve& homa, const UnloadedCurve& own) {
  base::Histogram times, slowdowns, own_slowdowns;
  for (const BenchSample& sample : samples) {
    if (sample.request_bytes < from || sample.request_bytes > to) continue;
    times.add(sample.round_trip_ns);
    const double us = static_cast<double>(sample.round_trip_ns) / 1e3;
    if (!homa.empty()) add_slowdown(slowdowns, us / homa.at(sample.request_bytes));
    if (!own.empty()) add_slowdown(own_slowdowns, us / own.at(sample.request_bytes));
  }
  return {from, to, distribution(times, 1e3), distribution(slowdowns, kSlowdownUnit),
          distribution(own_slowdowns, kSlowdownUnit)};
}

}  // namespace

std::vector<std::uint32_t> size_classes(const sim::WorkloadDistribution& workload) {
  std::vector<std::uint32_t> bounds;
  for (const double share : {0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1.0}) {
    const std::uint32_t bound = quantile(workload, share);
    if (bounds.empty() || bound > bounds.back()) bounds.push_back(bound);
  }
  return bounds;
}

std::vector<std::uint32_t> unloaded_sizes(const sim::WorkloadDistribution& workload) {
  const std::uint32_t smallest = workload.steps().front().bytes;
  const std::uint32_t largest = workload.largest_bytes();
  std::vector<std::uint32_t> sizes = size_classes(workload);
  sizes.push_back(smallest);
  // Four a factor of ten: what a size costs is close to linear above one packet.
  for (double at = 100; at < largest; at *= 1.78) {
    if (at > smallest) sizes.push_back(static_cast<std::uint32_t>(at));
  }
  std::sort(sizes.begin(), sizes.end());
  sizes.erase(std::unique(sizes.begin(), sizes.end()), sizes.end());
  return sizes;
}

UnloadedCurve::UnloadedCurve(std::span<const BenchSample> samples) {
  std::map<std::uint32_t, std::vector<double>> by_size;
  for (const BenchSample& sample : samples) {
    by_size[sample.request_bytes].push_back(static_cast<double>(sample.round_trip_ns) / 1e3);
  }
  for (auto& [bytes, times] : by_size) points_.push_back({bytes, median(std::move(times))});
}

UnloadedCurve UnloadedCurve::plus(double us) const {
  UnloadedCurve result = *this;
  for (Point& point : result.points_) point.median_us += us;
  return result;
}

double UnloadedCurve::at(std::uint32_t bytes) const {
  if (points_.empty()) return 0;
  const auto above = std::lower_bound(
      points_.begin(), points_.end(), bytes,
      [](const Point& point, std::uint32_t wanted) { return point.bytes < wanted; });
  if (above == points_.begin()) return points_.front().median_us;
  if (above == points_.end()) return points_.back().median_us;
  const Point& below = *std::prev(above);
  const double part =
      static_cast<double>(bytes - below.bytes) / static_cast<double>(above->bytes - below.bytes);
  return below.median_us + part * (above->median_us - below.median_us);
}

Distribution distribution(const base::Histogram& values, double unit) {
  const auto at = [&](double share) {
    return static_cast<double>(values.percentile(share)) / unit;
  };
  return {values.count(),
          static_cast<double>(values.min()) / unit,
          values.mean() / unit,
          at(0.50),
          at(0.99),
          at(0.999)};
}

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>((values.size() - 1) / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

Spread p99_spread(std::span<const BenchSample> samples, std::span<const std::size_t> host_ends,
                  std::uint32_t bytes_max) {
  constexpr std::size_t kParts = 3;
  std::array<base::Histogram, kParts> parts;
  std::size_t from = 0;
  for (const std::size_t to : host_ends) {
    for (std::size_t i = from; i < to; ++i) {
      if (samples[i].request_bytes > bytes_max) continue;
      parts[(i - from) * kParts / (to - from)].add(samples[i].round_trip_ns);
    }
    from = to;
  }
  Spread spread;
  for (const base::Histogram& part : parts) {
    if (part.count() == 0) continue;
    const double p99 = distribution(part, 1e3).p99;
    spread.least = spread.greatest == 0 ? p99 : std::min(spread.least, p99);
    spread.greatest = std::max(spread.greatest, p99);
  }
  return spread;
}

BenchFigures figures(std::span<const BenchSample> samples,
                     const sim::WorkloadDistribution& workload, const UnloadedCurve& homa,
                     const UnloadedCurve& own) {
  BenchFigures result;
  const std::uint32_t smallest = workload.steps().front().bytes;
  result.all = figures_between(samples, smallest, workload.largest_bytes(), homa, own);
  result.short_half = figures_between(samples, smallest, workload.median_bytes(), homa, own);
  std::uint32_t from = smallest;
  for (const std::uint32_t to : size_classes(workload)) {
    const SizeFigures one = figures_between(samples, from, to, homa, own);
    if (one.round_trip_us.count > 0) result.sizes.push_back(one);
    from = to + 1;
  }
  return result;
}

}  // namespace homa::tools
