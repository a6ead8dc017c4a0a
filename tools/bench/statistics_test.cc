#include "tools/bench/statistics.h"

#include <gtest/gtest.h>

#include <vector>

namespace homa::tools {
namespace {

TEST(Distribution, IsTheHistogramInTheUnitAskedFor) {
  base::Histogram values;
  for (std::uint64_t i = 1; i <= 1000; ++i) values.add(i);
  const Distribution result = distribution(values, 10);
  EXPECT_EQ(result.count, 1000U);
  EXPECT_DOUBLE_EQ(result.min, 0.1);
  EXPECT_DOUBLE_EQ(result.mean, 50.05);
  EXPECT_DOUBLE_EQ(result.p50, 50);
  EXPECT_DOUBLE_EQ(result.p99, 99);
  EXPECT_DOUBLE_EQ(result.p999, 99.9);
  EXPECT_EQ(distribution(base::Histogram(), 1).count, 0U);
}

TEST(Median, IsAValueThatOccurred) {
  EXPECT_DOUBLE_EQ(median({3, 1, 2}), 2);
  EXPECT_DOUBLE_EQ(median({4, 1, 3, 2}), 2);
  EXPECT_DOUBLE_EQ(median({}), 0);
}

TEST(SizeClasses, EveryMessageFallsIntoExactlyOne) {
  for (const char* name : {"w1", "w2", "w3", "w4", "w5", "100"}) {
    const auto workload = sim::WorkloadDistribution::named(name)->cut_off(1'000'000);
    const auto bounds = size_classes(workload);
    ASSERT_FALSE(bounds.empty());
    EXPECT_EQ(bounds.back(), workload.largest_bytes()) << name;
    for (std::size_t i = 1; i < bounds.size(); ++i) EXPECT_LT(bounds[i - 1], bounds[i]) << name;
  }
}

TEST(SizeClasses, OneSizeIsOneClass) {
  EXPECT_EQ(size_classes(sim::WorkloadDistribution::fixed(100)), std::vector<std::uint32_t>{100});
}

TEST(UnloadedSizes, ReachFromTheSmallestToTheLargest) {
  const auto workload = sim::WorkloadDistribution::named("w4")->cut_off(1'000'000);
  const auto sizes = unloaded_sizes(workload);
  EXPECT_EQ(sizes.front(), workload.steps().front().bytes);
  EXPECT_EQ(sizes.back(), 1'000'000U);
  EXPECT_LT(sizes.size(), 50U);
}

TEST(UnloadedCurve, IsTheMedianAndStraightBetweenSizes) {
  const std::vector<BenchSample> samples = {
      {10'000, 100, 0}, {12'000, 100, 0}, {99'000, 100, 0}, {32'000, 300, 0}};
  const UnloadedCurve curve(samples);
  EXPECT_DOUBLE_EQ(curve.at(100), 12);
  EXPECT_DOUBLE_EQ(curve.at(300), 32);
  EXPECT_DOUBLE_EQ(curve.at(200), 22);
  EXPECT_DOUBLE_EQ(curve.at(1), 12);
  EXPECT_DOUBLE_EQ(curve.at(1'000), 32);
  EXPECT_DOUBLE_EQ(curve.plus(1'000).at(200), 1'022);
}

TEST(Figures, SlowdownIsAgainstTheIdleNetworkPerMessage) {
  const auto workload = sim::WorkloadDistribution::fixed(100);
  const UnloadedCurve homa(std::vector<BenchSample>{{10'000, 100, 0}});
  const UnloadedCurve own(std::vector<BenchSample>{{20'000, 100, 0}});
  const std::vector<BenchSample> samples = {{40'000, 100, 0}, {80'000, 100, 0}};
  const BenchFigures result = figures(samples, workload, homa, own);
  EXPECT_DOUBLE_EQ(result.all.slowdown.mean, 6);
  EXPECT_DOUBLE_EQ(result.all.slowdown.p99, 8);
  EXPECT_DOUBLE_EQ(result.all.own_slowdown.p99, 4);
  EXPECT_DOUBLE_EQ(result.all.round_trip_us.mean, 60);
  ASSERT_EQ(result.sizes.size(), 1U);
  EXPECT_EQ(result.sizes[0].bytes_max, 100U);
}

TEST(Spread, IsOfTheThirdsOfEachHost) {
  std::vector<BenchSample> samples;
  for (int host = 0; host < 2; ++host) {
    for (const std::uint64_t us : {10U, 30U, 20U}) samples.push_back({us * 1'000, 100, 0});
    samples.push_back({9'000'000, 5'000, 0});  // too long to count
  }
  const std::vector<std::size_t> ends = {4, 8};
  const Spread spread = p99_spread(samples, ends, 100);
  EXPECT_NEAR(spread.least, 20, 0.1);
  EXPECT_NEAR(spread.greatest, 30, 0.1);
  EXPECT_EQ(p99_spread({}, {}, 100).greatest, 0);
}

TEST(Figures, TheShortHalfHoldsHalfOfTheMessages) {
  const auto workload = sim::WorkloadDistribution::named("w4")->cut_off(1'000'000);
  std::vector<BenchSample> samples;
  for (int i = 0; i < 1'000; ++i) {
    samples.push_back({1'000, workload.sample((i + 0.5) / 1'000), 0});
  }
  const BenchFigures result = figures(samples, workload, UnloadedCurve(), UnloadedCurve());
  EXPECT_NEAR(static_cast<double>(result.short_half.round_trip_us.count), 500, 60);
  std::uint64_t sum = 0;
  for (const SizeFigures& size : result.sizes) sum += size.round_trip_us.count;
  EXPECT_EQ(sum, 1'000U);
}

}  // namespace
}  // namespace homa::tools
