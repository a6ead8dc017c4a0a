// Failures on demand: the Nth allocation or system call of this process fails, or all from the Nth
// on.
//
// A test program that links faults.cc has its own operator new and its own definitions of the
// system calls below. They stand before libc's and libstdc++'s, also for calls that shared
// libraries make (std::thread, libmnl). What cannot be reached this way: libc's calls to itself.
// write() is not among them: the library writes to eventfds only, which does not fail on Linux.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace homa::test {

enum class FaultKind : std::uint8_t { kNone, kAllocation, kCall };
enum class FaultThread : std::uint8_t {
  kCaller,  // the thread that planned the faults
  kOthers,  // all other threads
};

struct FaultPlan {
  FaultKind kind = FaultKind::kNone;
  FaultThread thread = FaultThread::kCaller;
  std::uint64_t first = 0;     // the first one that fails, counted from 0
  bool persistent = false;     // all later ones fail too; otherwise one
  const char* call = nullptr;  // only calls of this name; nullptr: all
};

// Counting begins with plan_faults() and ends with end_faults().
void plan_faults(const FaultPlan& plan);
void end_faults();
// How many have failed since the plan, and what failed first: "mmap", "operator new".
std::uint64_t faults_fired();
std::string first_fault();

// What a process holds. Equal before and after: nothing leaked.
struct Holdings {
  std::size_t descriptors = 0;
  std::size_t mappings = 0;  // made by mmap() through this program's definition
  std::size_t threads = 0;
  std::size_t allocations = 0;  // of operator new
  friend bool operator==(const Holdings&, const Holdings&) = default;
  std::string to_string() const;
};
Holdings holdings();

}  // namespace homa::test
