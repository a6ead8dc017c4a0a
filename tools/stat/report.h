// What engines publish, as text and as JSON.
#pragma once

#include <nlohmann/json.hpp>
#include <span>
#include <string>

#include "observe/engine_state.h"

namespace homa::tools {

// "homad, pid 812, user root: udp 10.0.0.1, packets of ..."
std::string engine_line(const observe::EngineState& engine);

// Latencies by size, messages, gauges, and the counters that are not 0 (`all`: every one).
std::string stat_text(const observe::EngineState& engine, bool all);
nlohmann::ordered_json stat_json(const observe::EngineState& engine);

// What happened from `before` to `now`, two states of one engine.
std::string change_text(const observe::EngineState& before, const observe::EngineState& now,
                        double seconds);
nlohmann::ordered_json change_json(const observe::EngineState& before,
                                   const observe::EngineState& now, double seconds);

// RPCs in progress of all engines, the longest first. `clock`: CLOCK_MONOTONIC now.
std::string rpcs_text(std::span<const observe::EngineState> engines, Time clock);
nlohmann::ordered_json rpcs_json(std::span<const observe::EngineState> engines, Time clock);

// Errors of all engines, the latest first.
std::string errors_text(std::span<const observe::EngineState> engines);
nlohmann::ordered_json errors_json(std::span<const observe::EngineState> engines);

}  // namespace homa::tools
