// HOMA_CHECK: an invariant of our own code. Always on; a violation stops the process, naming the
// place. Never reachable by bytes from the network or by a caller's mistake.
#pragma once

#include <cstdio>
#include <cstdlib>

namespace homa::base {
[[noreturn]] inline void check_failed(const char* condition, const char* file, int line) {
  std::fprintf(stderr, "homa: bug: %s does not hold at %s:%d\n", condition, file, line);
  std::abort();
}
}  // namespace homa::base

#define HOMA_CHECK(condition)                           \
  (__builtin_expect(static_cast<bool>(condition), true) \
       ? static_cast<void>(0)                           \
       : ::homa::base::check_failed(#condition, __FILE__, __LINE__))
