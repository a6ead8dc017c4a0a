#include "sim/workload.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>

namespace homa::sim {
namespace {

WorkloadDistribution named(std::string_view name) {
  auto found = WorkloadDistribution::named(name);
  EXPECT_TRUE(found.has_value());
  return *found;
}

TEST(Workload, MeansAndMediansAreThoseOfThePaper) {
  struct Expected {
    const char* name;
    double mean;
    std::uint32_t median;
  };
  for (const Expected& expected :
       {Expected{"w1", 187.5, 27}, Expected{"w2", 441, 269}, Expected{"w3", 2'927, 268},
        Expected{"w4", 127'797, 662}, Expected{"w5", 2'515'863, 72'100}}) {
    const WorkloadDistribution workload = named(expected.name);
    EXPECT_NEAR(workload.mean_bytes(), expected.mean, 0.001 * expected.mean) << expected.name;
    EXPECT_EQ(workload.median_bytes(), expected.median) << expected.name;
  }
}

TEST(Workload, SizesAscendAndProbabilitiesSumToOne) {
  for (const char* name : {"w1", "w2", "w3", "w4", "w5"}) {
    const WorkloadDistribution workload = named(name);
    double sum = 0;
    for (std::size_t i = 0; i < workload.steps().size(); ++i) {
      EXPECT_GT(workload.probability(i), 0.0) << name;
      if (i > 0) {
        EXPECT_GT(workload.steps()[i].bytes, workload.steps()[i - 1].bytes) << name;
      }
      sum += workload.probability(i);
    }
    EXPECT_NEAR(sum, 1.0, 1e-12) << name;
  }
}

TEST(Workload, SamplingOverTheWholeRangeGivesEverySizeItsShare) {
  const WorkloadDistribution workload = named("w4");
  constexpr int kSamples = 1'000'000;
  std::map<std::uint32_t, int> counts;
  for (int i = 0; i < kSamples; ++i) ++counts[workload.sample((i + 0.5) / kSamples)];
  ASSERT_EQ(counts.size(), workload.steps().size());
  for (std::size_t i = 0; i < workload.steps().size(); ++i) {
    EXPECT_NEAR(counts[workload.steps()[i].bytes], workload.probability(i) * kSamples, 2);
  }
  EXPECT_EQ(workload.sample(0.0), 56U);
  EXPECT_EQ(workload.sample(std::nextafter(1.0, 0.0)), 10'000'000U);
}

TEST(Workload, CutOffShortensTheLongestAndKeepsTheRest) {
  const WorkloadDistribution cut = named("w5").cut_off(1'000'000);
  EXPECT_EQ(cut.largest_bytes(), 1'000'000U);
  EXPECT_EQ(cut.sample(0.99), 1'000'000U);
  EXPECT_EQ(cut.sample(0.0), 1'442U);
  EXPECT_LT(cut.mean_bytes(), named("w5").mean_bytes());
  EXPECT_EQ(named("w1").cut_off(1'000'000).steps().size(), named("w1").steps().size());
}

TEST(Workload, ANumberIsAFixedSizeAndAnythingElseIsRefusedByName) {
  EXPECT_EQ(named("10000").sample(0.7), 10'000U);
  EXPECT_EQ(named("10000").mean_bytes(), 10'000.0);
  for (const char* bad : {"w6", "", "0", "-5", "12x", "99999999999"}) {
    const auto refused = WorkloadDistribution::named(bad);
    ASSERT_FALSE(refused.has_value()) << bad;
    EXPECT_NE(refused.error().text.find('"' + std::string(bad) + '"'), std::string::npos);
  }
}

}  // namespace
}  // namespace homa::sim
