#include "sim/homa_parameters.h"

#include <gtest/gtest.h>

namespace homa::sim {
namespace {

TEST(HomaParameters, SendersGrantedAtOnceAreThoseOfThePaper) {
  const std::pair<const char*, std::uint32_t> expected[] = {
      {"w1", 1}, {"w2", 3}, {"w3", 4}, {"w4", 7}, {"w5", 7}};
  for (const auto& [name, overcommit] : expected) {
    const auto core = derive({}, {}, WorkloadDistribution::named(name).value());
    EXPECT_EQ(core.overcommit, overcommit) << name;
    EXPECT_EQ(core.unscheduled_bytes, 9'328U);
    EXPECT_EQ(core.window, 10'000U + 2 * core.payload_bytes_max - 1);
    EXPECT_TRUE(core.validate().has_value()) << name;
  }
}

TEST(HomaParameters, CutoffsGiveEachUnscheduledLevelEqualBytes) {
  const WorkloadDistribution workload = WorkloadDistribution::named("w3").value();
  const auto core = derive({}, {}, workload);
  double by_level[kPriorities] = {};
  double total = 0;
  for (std::size_t i = 0; i < workload.steps().size(); ++i) {
    const std::uint32_t bytes = workload.steps()[i].bytes;
    std::size_t level = kPriorities - 1;
    while (core.cutoffs[level] < bytes) --level;
    const double unscheduled = workload.probability(i) * std::min(bytes, core.unscheduled_bytes);
    by_level[level] += unscheduled;
    total += unscheduled;
  }
  for (std::size_t level = 4; level < 8; ++level) {
    EXPECT_NEAR(by_level[level] / total, 0.25, 0.05) << level;
  }
}

TEST(HomaParameters, TailsGoAtUnscheduledLevelsWhereTheShorterHalfNeedsGrants) {
  const auto w4 = derive({}, {}, WorkloadDistribution::named("w4").value());
  const auto w5 = derive({}, {}, WorkloadDistribution::named("w5").value());
  EXPECT_EQ(w4.grant_tail_bytes, 0U);
  EXPECT_EQ(w5.grant_tail_bytes, 40'000U);
  // Half of what goes at the two levels is of messages, and ends of messages, up to that length.
  EXPECT_GT(w5.cutoffs[7], 15'000U);
  EXPECT_LT(w5.cutoffs[7], 40'000U);
  EXPECT_EQ(w5.cutoffs[6], 0xffffffffU);
  HomaConfig config;
  config.grant_tail_bytes = 0;
  EXPECT_EQ(derive(config, {}, WorkloadDistribution::named("w5").value()).grant_tail_bytes, 0U);
}

TEST(HomaParameters, FasterLinksHaveProportionallyMoreInFlight) {
  TopologyConfig topology;
  topology.host_bits_per_second = 100'000'000'000;
  const auto core = derive({}, topology, WorkloadDistribution::named("w4").value());
  EXPECT_EQ(core.window, 100'000U + 2 * core.payload_bytes_max - 1);
  EXPECT_EQ(core.unscheduled_bytes, 93'280U);
}

}  // namespace
}  // namespace homa::sim
