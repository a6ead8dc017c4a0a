#include "sim/scenario.h"

#include <gtest/gtest.h>

#include <set>

namespace homa::sim {
namespace {

TEST(Scenario, EverySeedGivesAValidWorld) {
  for (std::uint64_t seed = 1; seed <= 500; ++seed) {
    const Scenario scenario = random_scenario(seed, Canary::kNone);
    const auto valid = scenario.config.validate();
    ASSERT_TRUE(valid.has_value()) << seed << ": " << valid.error().text;
    EXPECT_TRUE(scenario.config.check);
    EXPECT_FALSE(scenario.config.homa.core.canary_no_grants);
  }
}

TEST(Scenario, TheSameSeedGivesTheSameWorldAndOthersGiveOthers) {
  EXPECT_EQ(random_scenario(7, Canary::kNone).description,
            random_scenario(7, Canary::kNone).description);
  std::set<std::string> descriptions;
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    descriptions.insert(random_scenario(seed, Canary::kNone).description);
  }
  EXPECT_GT(descriptions.size(), 45U);
}

TEST(Scenario, WorldsHaveEveryKindOfFault) {
  int losses = 0, links = 0, restarts = 0;
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    const Scenario scenario = random_scenario(seed, Canary::kNone);
    losses += scenario.config.faults.links.loss > 0 ? 1 : 0;
    for (const Fault& fault : scenario.config.faults.plan) {
      links += fault.kind == Fault::Kind::kLinkDown ? 1 : 0;
      if (fault.kind != Fault::Kind::kRestart) continue;
      ++restarts;
      EXPECT_FALSE(scenario.all_must_succeed);
    }
  }
  EXPECT_GT(losses, 10);
  EXPECT_GT(links, 10);
  EXPECT_GT(restarts, 10);
}

TEST(Scenario, TheCanaryNeedsGrantsAndGetsNone) {
  const Scenario scenario = random_scenario(1, Canary::kNoGrants);
  EXPECT_TRUE(scenario.config.homa.core.canary_no_grants);
  EXPECT_LE(scenario.config.homa.core.unscheduled_bytes, 10'000U);
  EXPECT_EQ(scenario.config.traffic.workload, "60000");
}

TEST(Scenario, AnImpossibleWorldIsAViolation) {
  Scenario scenario = random_scenario(1, Canary::kNone);
  scenario.config.topology.hosts = 0;
  EXPECT_FALSE(run_scenario(scenario).violations.empty());
}

TEST(Scenario, TheReplayCommandNamesTheSeed) {
  EXPECT_EQ(replay_command(12, Canary::kNone), "homa sim check --seed 12");
  EXPECT_EQ(replay_command(12, Canary::kNoGrants), "homa sim check --seed 12 --canary no-grants");
}

}  // namespace
}  // namespace homa::sim
