#include "tools/sim/check.h"

#include <fmt/format.h>

#include <cstdint>
#include <memory>
#include <string>

#include "sim/scenario.h"

namespace homa::tools {
namespace {

struct Options {
  std::uint64_t seed = 1;
  std::uint64_t count = 1;
  bool canary = false;
};

int check(const Options& options) {
  std::uint64_t bad = 0;
  for (std::uint64_t i = 0; i < options.count; ++i) {
    const std::uint64_t seed = options.seed + i;
    const sim::Scenario scenario = sim::random_scenario(seed, options.canary);
    const sim::ScenarioResult result = sim::run_scenario(scenario);
    if (options.count == 1 || !result.violations.empty()) {
      fmt::print("seed {}: {}; {} failed, {} events\n", seed, scenario.description, result.failed,
                 result.events);
    }
    if (result.violations.empty()) continue;
    ++bad;
    for (const std::string& violation : result.violations) fmt::print("  {}\n", violation);
    fmt::print("  again: {}\n", sim::replay_command(seed, options.canary));
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
  command->add_flag("--canary", options->canary,
                    "With a planted bug (no grants), which must be caught");
  command->callback([options, &run] { run = [options] { return check(*options); }; });
}

}  // namespace homa::tools
