// A run's figures as JSON and as a table for people.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "tools/bench/run.h"
#include "tools/bench/statistics.h"

namespace homa::tools {

struct BenchResult {
  BenchProtocol protocol;
  BenchLoad load;
  BenchRun run;
  BenchFigures figures;
  Spread short_p99;     // microseconds, of the shorter half
  std::string service;  // service time and server threads, in words; empty: handlers take none
};

// The members that ./demo promises (issue 2), and more behind them: tests/system relies on these
// names.
nlohmann::json to_json(const BenchResult& result, std::size_t hosts);
nlohmann::json to_json(const UnloadedCurve& curve);

// Several lines; what is wrong (unsustained, CPU-bound, failures) is said in words.
std::string to_table(const BenchResult& result, std::size_t hosts);

// A line that overwrites itself on a terminal; nothing when stderr is none.
void show_progress(const std::string& what, const BenchProgress& progress);
void clear_progress();

}  // namespace homa::tools
