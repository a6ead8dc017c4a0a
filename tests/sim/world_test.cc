// The test bench of docs/simulation.md#test-bench: random worlds by seed, and the canary that must
// die.
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
  return text + "again: " + replay_command(seed, false);
}

TEST(World, NothingForbiddenHappensInAnyOfThem) {
  std::uint64_t failed = 0;
  for (std::uint64_t seed = 1; seed <= kSeeds * scale(); ++seed) {
    const Scenario scenario = random_scenario(seed, false);
    const ScenarioResult result = run_scenario(scenario);
    ASSERT_TRUE(result.violations.empty()) << failure(seed, scenario, result);
    failed += result.failed;
  }
  // Some worlds restart hosts: if no RPC ever fails, they do not do what they are for.
  EXPECT_GT(failed, 0U);
}

TEST(World, TheCanaryIsCaught) {
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    EXPECT_FALSE(run_scenario(random_scenario(seed, true)).violations.empty()) << seed;
  }
}

TEST(World, ASeedIsReplayedExactly) {
  const ScenarioResult first = run_scenario(random_scenario(5, false));
  const ScenarioResult again = run_scenario(random_scenario(5, false));
  EXPECT_EQ(first.events, again.events);
  EXPECT_EQ(first.failed, again.failed);
}

}  // namespace
}  // namespace homa::sim
