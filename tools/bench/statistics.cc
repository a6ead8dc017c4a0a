#include "tools/bench/statistics.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <map>
#include <numeric>

namespace homa::tools {
namespace {

// The largest size among the shortest `share` of the messages.
std::uint32_t quantile(const sim::WorkloadDistribution& workload, double share) {
  return workload.sample(std::max(0.0, share - 1e-9));
}

SizeFigures figures_between(std::span<const BenchSample> samples, std::uint32_t from,
                            std::uint32_t to, const UnloadedCurve& homa, const UnloadedCurve& own) {
  std::vector<double> times, slowdowns, own_slowdowns;
  for (const BenchSample& sample : samples) {
    if (sample.request_bytes < from || sample.request_bytes > to) continue;
    const double us = static_cast<double>(sample.round_trip_ns) / 1e3;
    times.push_back(us);
    if (!homa.empty()) slowdowns.push_back(us / homa.at(sample.request_bytes));
    if (!own.empty()) own_slowdowns.push_back(us / own.at(sample.request_bytes));
  }
  return {from, to, distribution(times), distribution(slowdowns), distribution(own_slowdowns)};
}

double ranked(const std::vector<double>& sorted, double share) {
  const double rank = std::ceil(share * static_cast<double>(sorted.size()));
  return sorted[std::min(sorted.size() - 1, static_cast<std::size_t>(std::max(1.0, rank)) - 1)];
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
  for (auto& [bytes, times] : by_size) points_.push_back({bytes, distribution(times).p50});
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

Distribution distribution(std::vector<double>& values) {
  if (values.empty()) return {};
  std::sort(values.begin(), values.end());
  Distribution result;
  result.count = values.size();
  result.mean =
      std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
  result.p50 = ranked(values, 0.50);
  result.p99 = ranked(values, 0.99);
  result.p999 = ranked(values, 0.999);
  return result;
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
