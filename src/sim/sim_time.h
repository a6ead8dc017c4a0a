// Virtual time: picoseconds since the simulation began, so that a byte at 400 Gbit/s (20 ps) is
// exact.
#pragma once

#include <chrono>
#include <cstdint>

#include "base/time.h"

namespace homa::sim {

using SimTime = std::chrono::duration<std::int64_t, std::pico>;
inline constexpr SimTime kSimNever = SimTime::max();

constexpr double to_seconds(SimTime time) { return static_cast<double>(time.count()) * 1e-12; }

// How long bytes take on a link. Fixed point: exact wherever a byte is a whole number of
// picoseconds (1 Mbit/s to 1 Tbit/s by powers of ten, and 25, 40, 200, 400 Gbit/s).
class LinkRate {
 public:
  constexpr LinkRate() = default;
  constexpr explicit LinkRate(std::uint64_t bits_per_second)
      : picoseconds_per_byte_(
            static_cast<std::int64_t>((8'000'000'000'000ULL << kFraction) / bits_per_second)) {}
  constexpr SimTime time_for(std::uint32_t bytes) const {
    return SimTime((std::int64_t{bytes} * picoseconds_per_byte_) >> kFraction);
  }

 private:
  static constexpr int kFraction = 12;
  std::int64_t picoseconds_per_byte_ = 0;
};

}  // namespace homa::sim
