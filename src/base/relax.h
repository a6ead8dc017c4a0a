// What a spinning thread does between two looks.
#pragma once

namespace homa::base {

inline void relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

}  // namespace homa::base
