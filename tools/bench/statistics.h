// From samples to figures: size classes, percentiles, slowdown.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/histogram.h"
#include "sim/workload.h"
#include "tools/bench/shared.h"

namespace homa::tools {

// Upper bounds, ascending, of classes that hold equal shares of the workload's messages: tenths,
// and the longest tenth once more in halves. Fewer where many messages have the same size.
std::vector<std::uint32_t> size_classes(const sim::WorkloadDistribution& workload);

// Sizes at which the idle network is measured, ascending: enough of them that a straight line
// between neighbours is a good guess for what lies between.
std::vector<std::uint32_t> unloaded_sizes(const sim::WorkloadDistribution& workload);

// Round trip on an idle network over message size.
class UnloadedCurve {
 public:
  struct Point {
    std::uint32_t bytes = 0;
    double median_us = 0;
  };
  UnloadedCurve() = default;
  // Samples of run_unloaded(); the median counts.
  explicit UnloadedCurve(std::span<const BenchSample> samples);

  // The same, when every RPC takes this much longer.
  UnloadedCurve plus(double us) const;

  bool empty() const { return points_.empty(); }
  double at(std::uint32_t bytes) const;  // microseconds; on a straight line between points
  std::span<const Point> points() const { return points_; }

 private:
  std::vector<Point> points_;
};

struct Distribution {
  std::uint64_t count = 0;
  double min = 0, mean = 0, p50 = 0, p99 = 0, p999 = 0;
};
// What a histogram says, in units of `unit` of its values: 1e3 shows nanoseconds as microseconds.
Distribution distribution(const base::Histogram& values, double unit);

// The middle one, or the lower of the two in the middle; 0 for none.
double median(std::vector<double> values);

struct SizeFigures {
  std::uint32_t bytes_min = 0, bytes_max = 0;
  Distribution round_trip_us;
  Distribution slowdown;      // against Homa's round trip of that size on the idle network
  Distribution own_slowdown;  // against the protocol's own
};

struct BenchFigures {
  SizeFigures all;
  SizeFigures short_half;          // messages up to the workload's median size
  std::vector<SizeFigures> sizes;  // by class; a class without messages is left out
};

// How a percentile differs between parts of one run.
struct Spread {
  double least = 0, greatest = 0;
};
// Of the P99 round trip, in microseconds, of messages up to `bytes_max`, over the first, second and
// last third of the run. `host_ends`: as in BenchRun. Thirds without samples do not count.
Spread p99_spread(std::span<const BenchSample> samples, std::span<const std::size_t> host_ends,
                  std::uint32_t bytes_max);

// `homa` may be empty (then slowdown is 0), `own` too.
BenchFigures figures(std::span<const BenchSample> samples,
                     const sim::WorkloadDistribution& workload, const UnloadedCurve& homa,
                     const UnloadedCurve& own);

}  // namespace homa::tools
