#include "tools/sim/check.h"

#include <fmt/format.h>

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "sim/scenario.h"

namespace homa::tools {
namespace {

struct Options {
  std::uint64_t seed = 1;
  std::uint64_t count = 1;
  std::string canary = "none";
};

constexpr std::array kCanaries = {sim::Canary::kNone, sim::Canary::kNoGrants, sim::Canary::kDeaf,
                                  sim::Canary::kNoQuestions};

sim::Canary canary_of(std::string_view word) {
  for (const sim::Canary canary : kCanaries) {
    if (to_string(canary) == word) return canary;
  }
  return sim::Canary::kNone;
}

int check(const Options& options) {
  const sim::Canary canary = canary_of(options.canary);
  std::uint64_t bad = 0;
  for (std::uint64_t i = 0; i < options.count; ++i) {
    const std::uint64_t seed = options.seed + i;
    const sim::Scenario scenario = sim::random_scenario(seed, canary);
    const sim::ScenarioResult result = sim::run_scenario(scenario);
    if (options.count == 1 || !result.violations.empty()) {
      fmt::print("seed {}: {}; {} failed, {} events\n", seed, scenario.description, result.failed,
                 result.events);
    }
    if (result.violations.empty()) continue;
    ++bad;
    for (const std::string& violation : result.violations) fmt::print("  {}\n", violation);
    fmt::print("  again: {}\n", sim::replay_command(seed, canary));
  }
  fmt::print("{} of {} seeds violate what must hold\n", bad, options.count);
  return bad == 0 ? kSuccess : kFailure;
}

}  // namespace

void add_sim_check_command(CLI::App& sim, Run& run) {
  CLI::App* command = sim.add_subcommand(
      "check", "Run random small worlds and verify every packet and byte in them");
  auto options = std::make_shared<Options>();
  command->add_option("--seed", options->seed, "First seed")->capture_default_str();
  command->add_option("--count", options->count, "Seeds to run")
      ->capture_default_str()
      ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{1'000'000'000}));
  std::vector<std::string> canaries;
  for (const sim::Canary canary : kCanaries) canaries.emplace_back(to_string(canary));
  command->add_option("--canary", options->canary, "With a planted bug, which must be caught")
      ->capture_default_str()
      ->check(CLI::IsMember(canaries));
  command->callback([options, &run] { run = [options] { return check(*options); }; });
}

}  // namespace homa::tools
