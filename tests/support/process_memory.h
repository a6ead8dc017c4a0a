// How much memory this process has in the machine's.
#pragma once

#include <unistd.h>

#include <cstdint>
#include <fstream>

namespace homa::test {

inline std::uint64_t resident_bytes() {
  std::uint64_t all = 0, resident = 0;
  std::ifstream("/proc/self/statm") >> all >> resident;
  return resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

}  // namespace homa::test
