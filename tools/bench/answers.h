// What a benchmark's server answers: a function of the request alone.
#pragma once

#include <cstdint>
#include <span>

#include "tools/bench/pattern.h"

namespace homa::tools {

class BenchAnswers {
 public:
  // `response_bytes`: 0: as long as the request. `pattern` outlives this.
  BenchAnswers(const BenchPattern& pattern, std::uint32_t response_bytes)
      : pattern_(pattern), response_bytes_(response_bytes) {}

  struct Answer {
    bool intact = true;    // of the request
    std::uint8_t tag = 0;  // of the response
    std::uint32_t bytes = 0;
  };
  Answer to(std::span<const std::byte> request) const;

 private:
  const BenchPattern& pattern_;
  std::uint32_t response_bytes_;
};

}  // namespace homa::tools
