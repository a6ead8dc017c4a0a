// The test bench of docs/simulation.md#test-bench: random worlds by seed, and the canaries that
// must die.
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include "sim/scenario.h"

namespace homa::sim {
namespace {

constexpr std::uint64_t kSeeds = 48;

// ./check --long does this many times as much.
std::uint64_t scale() {
  const char* text = std::getenv("HOMA_TEST_SCALE");
  return text == nullptr ? 1 : std::max(1ULL, std::strtoull(text, nullptr, 10));
}

std::string failure(std::uint64_t seed, const Scenario& scenario, const ScenarioResult& result) {
  std::string text = "seed " + std::to_string(seed) + ": " + scenario.description + "\n";
  for (const std::string& violation : result.violations) text += "  " + violation + "\n";
  return text + "again: " + replay_command(seed, Canary::kNone);
}

TEST(World, NothingForbiddenHappensInAnyOfThem) {
  std::uint64_t failed = 0;
  for (std::uint64_t seed = 1; seed <= kSeeds * scale(); ++seed) {
    const Scenario scenario = random_scenario(seed, Canary::kNone);
    const ScenarioResult result = run_scenario(scenario);
    ASSERT_TRUE(result.violations.empty()) << failure(seed, scenario, result);
    failed += result.failed;
  }
  // Some worlds restart hosts: if no RPC ever fails, they do not do what they are for.
  EXPECT_GT(failed, 0U);
}

TEST(World, EveryCanaryIsCaught) {
  for (const Canary canary : {Canary::kNoGrants, Canary::kDeaf, Canary::kNoQuestions}) {
    for (std::uint64_t seed = 1; seed <= 3; ++seed) {
      EXPECT_FALSE(run_scenario(random_scenario(seed, canary)).violations.empty())
          << replay_command(seed, canary);
    }
  }
}

TEST(World, ASeedIsReplayedExactly) {
  const ScenarioResult first = run_scenario(random_scenario(5, Canary::kNone));
  const ScenarioResult again = run_scenario(random_scenario(5, Canary::kNone));
  EXPECT_EQ(first.events, again.events);
  EXPECT_EQ(first.failed, again.failed);
}

}  // namespace
}  // namespace homa::sim
