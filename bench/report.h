// What every benchmark prints: one line of JSON with its name, parameters and results.
#pragma once

#include <cstdio>
#include <string>

#include <nlohmann/json.hpp>

namespace homa::bench {

// `results`: name -> number. bench/compare reads them; names that end in _ns, _us, _seconds,
// instructions or _per_gb are better small, all others better large.
inline void report(const std::string& benchmark, const nlohmann::ordered_json& parameters,
                   const nlohmann::ordered_json& results) {
  const nlohmann::ordered_json line = {
      {"benchmark", benchmark}, {"parameters", parameters}, {"results", results}};
  std::printf("%s\n", line.dump().c_str());
  std::fflush(stdout);
}

}  // namespace homa::bench
