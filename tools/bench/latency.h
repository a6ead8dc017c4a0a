// `homa bench --unloaded`: round trips on an idle network, one at a time, protocols in turn in the
// same minutes, with their ratios.
#pragma once

#include <string>
#include <vector>

#include "tools/bench/session.h"

namespace homa::tools {

struct LatencyPlan {
  std::vector<BenchProtocol> protocols;  // compared with the first echo among them, if any
  UnloadedPlan sizes;
  int rounds = 5;  // every protocol once per round, so that a slow minute hits all alike
};

// Runs, prints and, where `json` is a file, writes. Returns an exit code.
int run_latency(BenchSession& session, const LatencyPlan& plan, const std::string& json);

}  // namespace homa::tools
