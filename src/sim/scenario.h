// Random small worlds for the test bench. A seed determines topology, traffic, parameters and
// faults. Checker verifies every packet and byte until nothing happens any more.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "sim/config.h"

namespace homa::sim {

struct Scenario {
  SimConfig config;
  // No fault of this world can make an RPC fail, so a failed RPC is a violation.
  bool all_must_succeed = false;
  std::string description;
};

// A planted fault (CoreConfig::canary_...), which the checkers must catch.
enum class Canary : std::uint8_t { kNone, kNoGrants, kDeaf, kNoQuestions };
// "none", "no-grants", "deaf", "no-questions".
std::string_view to_string(Canary canary);

Scenario random_scenario(std::uint64_t seed, Canary canary);

struct ScenarioResult {
  std::uint64_t messages = 0;
  std::uint64_t failed = 0;
  std::uint64_t events = 0;
  std::vector<std::string> violations;
};
ScenarioResult run_scenario(const Scenario& scenario);

// The command that runs one seed again.
std::string replay_command(std::uint64_t seed, Canary canary);

}  // namespace homa::sim
