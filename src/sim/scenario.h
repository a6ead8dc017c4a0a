// Random small worlds for the test bench: a seed gives topology, traffic, parameters and faults,
// and every packet and byte is checked (Checker) until everything has come to rest.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sim/config.h"

namespace homa::sim {

struct Scenario {
  SimConfig config;
  // Nothing in it can end an RPC without its response: a failed one is a violation.
  bool all_must_succeed = false;
  std::string description;
};

// canary: with the planted bug that no grant is ever sent (CoreConfig::canary_no_grants), which the
// checkers must catch.
Scenario random_scenario(std::uint64_t seed, bool canary);

struct ScenarioResult {
  std::uint64_t messages = 0;
  std::uint64_t failed = 0;
  std::uint64_t events = 0;
  std::vector<std::string> violations;
};
ScenarioResult run_scenario(const Scenario& scenario);

// The command that runs one seed again.
std::string replay_command(std::uint64_t seed, bool canary);

}  // namespace homa::sim
