// Every setting of a simulation by name: for command lines, configuration files and reports.
//
// Names are dotted: topology.hosts, traffic.load, homa.paced, core.overcommit (each field of
// core::CoreConfig). Rates, sizes and times are as in base/quantity.h ("10gbit", "500kb", "250ns").
#pragma once

#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "homa/error.h"
#include "homa/result.h"
#include "sim/config.h"

namespace homa::tools {

struct SimField {
  std::string name;
  std::string meaning;
  std::function<bool(std::string_view value)> set;  // false: the value is not understood
  std::function<std::string()> get;
};

// Those of `config`, which outlives them. Core fields are not among them.
std::vector<SimField> sim_fields(sim::SimConfig& config);

// kInvalidArgument names the setting and what is wrong.
Result<void, Error> set_sim_field(sim::SimConfig& config, std::string_view name,
                                  std::string_view value);
// A JSON object, nested or with dotted names; values may be strings, numbers, booleans.
Result<void, Error> set_sim_fields(sim::SimConfig& config, const nlohmann::json& object,
                                   const std::string& prefix = "");
// name -> value, all of them, core's included.
std::map<std::string, std::string> all_sim_fields(sim::SimConfig config);

}  // namespace homa::tools
