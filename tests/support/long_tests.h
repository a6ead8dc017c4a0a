// Whether the long form of a test is wanted. A slow case has a short form for every ./check and its
// full size with HOMA_TEST_LONG=1, which `./check --long` sets (docs/testing.md#long-tests).
#pragma once

#include <cstdlib>
#include <string_view>

namespace homa::test {

inline bool long_tests() {
  const char* wanted = std::getenv("HOMA_TEST_LONG");
  return wanted != nullptr && std::string_view(wanted) == "1";
}

}  // namespace homa::test
