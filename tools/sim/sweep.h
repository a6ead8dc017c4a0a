// `homa sim sweep FILE`: runs every combination of settings, each in a process of its own.
//
// FILE is JSON: {"base": {settings}, "vary": {"setting": [values], ...}}. Each combination becomes
// DIR/NAME.config.json and, once run, DIR/NAME.json; those that have their result are not run
// again, so an interrupted sweep continues. --list prints the commands instead, for a job launcher.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "homa/error.h"
#include "homa/result.h"
#include "tools/options/command.h"

namespace homa::tools {

struct SweepRun {
  std::string name;         // of the varied values: "w4_0.8"
  nlohmann::json settings;  // flat
};

// All combinations, the last varied setting changing fastest. kInvalidArgument says what is wrong.
Result<std::vector<SweepRun>, Error> expand_sweep(const nlohmann::ordered_json& sweep);

void add_sim_sweep_command(CLI::App& sim, Run& run);

}  // namespace homa::tools
