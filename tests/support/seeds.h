// The seeds of a property test. HOMA_TEST_SCALE=20 runs twenty times as many; HOMA_TEST_SEED=123
// runs that one alone (docs/testing.md#seeds).
#pragma once

#include <cstdint>
#include <cstdlib>
#include <vector>

#include "support/sanitizers.h"

namespace homa::test {

// False: one seed runs, of which totals over all say nothing.
inline bool all_seeds() { return std::getenv("HOMA_TEST_SEED") == nullptr; }

// 1 to `count`; a fifth of them with sanitizers, in the same time.
inline std::vector<std::uint64_t> seeds(std::uint64_t count) {
  if (const char* one = std::getenv("HOMA_TEST_SEED")) return {std::strtoull(one, nullptr, 10)};
  if (const char* scale = std::getenv("HOMA_TEST_SCALE")) {
    count *= std::strtoull(scale, nullptr, 10);
  }
  if (kSanitizers) count /= 5;
  std::vector<std::uint64_t> all;
  for (std::uint64_t seed = 1; seed <= count; ++seed) all.push_back(seed);
  return all;
}

}  // namespace homa::test
