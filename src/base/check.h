// HOMA_CHECK: an invariant of our own code. It is always on. A violation prints the place and stops
// the process. Neither bytes from the network nor a caller's mistake may reach it.
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
