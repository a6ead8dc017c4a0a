// The simulator's random numbers: base::SplitMix and what a simulation draws besides.
#pragma once

#include <cmath>
#include <cstdint>

#include "base/split_mix.h"
#include "sim/sim_time.h"

namespace homa::sim {

class Random : public base::SplitMix {
 public:
  using SplitMix::SplitMix;

  // In [0, limit); 0 for a limit of 0.
  std::uint32_t below(std::uint32_t limit) {
    return static_cast<std::uint32_t>(((next() >> 32) * limit) >> 32);
  }
  SimTime exponential(double mean_picoseconds) {
    return SimTime(std::llround(-std::log(1.0 - uniform()) * mean_picoseconds));
  }
};

// The seed of an independent stream of numbers. Each part of a simulation has its own, so that one
// that draws more numbers does not change what the others draw.
constexpr std::uint64_t derived_seed(std::uint64_t seed, std::uint64_t stream) {
  std::uint64_t z = (seed + 0x632be59bd9b4e019ULL) ^ ((stream + 1) * 0xd6e8feb86659fd93ULL);
  z = (z ^ (z >> 32)) * 0xd6e8feb86659fd93ULL;
  return z ^ (z >> 32);
}

}  // namespace homa::sim
