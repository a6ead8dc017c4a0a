// The runs of `homa demo` side by side: which protocol was better, by how much, and where.
#pragma once

#include <string>
#include <vector>

#include "tools/bench/report.h"
#include "tools/process/machine.h"

namespace homa::tools {

// One workload of the demonstration, with everything that ran it.
struct DemoPart {
  std::string workload;
  double load = 0;
  std::vector<BenchResult> runs;
};

// Each protocol and number of connections once: of its runs, the one with the median P99 for the
// shorter half of the messages. Its spread then tells the least and the greatest P99 of the runs.
// A protocol that ran once stays as it is.
DemoPart medians(const DemoPart& part);

// Of the runs over `protocol`, the one with the lowest P99 for the shorter half of the messages,
// runs that kept up with the load first; null when there is none.
const BenchResult* best_run(const DemoPart& part, const std::string& protocol);

struct DemoVerdict {
  double short_p99_ratio = 0;  // best TCP / Homa, P99 round trip of the shorter half
  double mean_ratio = 0;       // best TCP / Homa, mean round trip
  double short_slowdown_p99 = 0;
  double goodput_ratio = 0;          // Homa / best TCP
  std::vector<std::uint32_t> worse;  // size classes where a TCP run's P99 is below Homa's
  bool complete = false;             // there were both Homa and TCP
};
// Each figure of TCP is the best of any of its runs that sustained the load (of all, if none did).
DemoVerdict verdict(const DemoPart& part);

// {"results": [the best run per protocol and workload], "all_runs": [...], ...}. `runs`: of each
// protocol, of which `parts` have the medians.
nlohmann::json to_json(const std::vector<DemoPart>& parts, const std::string& place,
                       std::size_t hosts, int runs = 1);
nlohmann::json to_json(const Machine& machine);
std::string to_table(const DemoPart& part, std::size_t hosts);

}  // namespace homa::tools
