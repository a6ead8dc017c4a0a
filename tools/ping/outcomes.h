// What came of the requests of `homa ping`, in memory that does not grow with their number.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <string>

#include "base/histogram.h"

namespace homa::tools {

class PingOutcomes {
 public:
  void answered(std::chrono::nanoseconds round_trip);
  // `cause` is a sentence; how often each occurred is counted.
  void failed(const std::string& cause);

  std::uint64_t sent() const { return times_.count() + failures_; }
  // There were answers and nothing else.
  bool all_answered() const { return times_.count() > 0 && failures_ == 0; }

  // Without answers it has no times.
  nlohmann::ordered_json to_json(const std::string& server, std::uint32_t bytes) const;
  std::string to_text(const std::string& server, std::uint32_t bytes) const;

 private:
  base::Histogram times_;  // nanoseconds
  std::uint64_t failures_ = 0;
  std::map<std::string, std::uint64_t> errors_;
};

}  // namespace homa::tools
