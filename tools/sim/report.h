// A simulation's report for scripts (JSON) and for people (a table).
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "sim/config.h"
#include "sim/simulation.h"

namespace homa::tools {

// How long the machine took, which is the only part of a report that is not a function of the
// configuration. All 0 in a deterministic report.
struct WallClock {
  double seconds = 0;
  double cpu_seconds = 0;
  double events_per_second = 0;  // per second of CPU time, of one core
};

nlohmann::ordered_json sim_report_json(const sim::SimConfig& config, const sim::Report& report,
                                       const WallClock& wall);
std::string sim_report_text(const sim::SimConfig& config, const sim::Report& report,
                            const WallClock& wall);

}  // namespace homa::tools
