// Time as an argument. CoreClock has no now(), so code that gets a Time cannot read a clock by
// accident.
#pragma once

#include <chrono>
#include <cstdint>

namespace homa {

struct CoreClock {
  using rep = std::int64_t;
  using period = std::nano;
  using duration = std::chrono::nanoseconds;
  using time_point = std::chrono::time_point<CoreClock, duration>;
};
using Duration = std::chrono::nanoseconds;
using Time = CoreClock::time_point;

inline constexpr Time kNever = Time::max();

// Nanoseconds that `bytes` take at `bits_per_second`, rounded up; 0 bits per second means no limit.
constexpr Duration transmission_time(std::uint64_t bytes, std::uint64_t bits_per_second) {
  if (bits_per_second == 0) return Duration::zero();
  return Duration(static_cast<std::int64_t>((bytes * 8'000'000'000ULL + bits_per_second - 1) /
                                            bits_per_second));
}

}  // namespace homa
