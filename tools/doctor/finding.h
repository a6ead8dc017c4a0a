// What `homa doctor` found out about one thing.
#pragma once

#include <string>
#include <vector>

namespace homa::tools {

enum class Verdict {
  kGood,
  kNote,       // it costs something, or may be meant so
  kProblem,    // latency, throughput or packets are lost by it
  kUnchecked,  // it could not be found out; `why` says what would be needed
};

struct Finding {
  std::string check;  // a stable word: "mtu", "clock source"
  Verdict verdict = Verdict::kGood;
  std::string what;  // what is so
  std::string why;   // why it matters; empty if it is good
  std::string cure;  // what to do; empty if it is good, or nothing can be done
};
using Findings = std::vector<Finding>;

inline Finding good(std::string check, std::string what) {
  return {std::move(check), Verdict::kGood, std::move(what), {}, {}};
}

}  // namespace homa::tools
