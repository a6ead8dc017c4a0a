// Pseudo-random numbers whose sequence is ours: the standard's distributions may differ between
// libraries, and the same seed must give the same run everywhere.
#pragma once

#include <cmath>
#include <cstdint>

#include "sim/sim_time.h"

namespace homa::sim {

// SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014).
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}

  std::uint64_t next() {
    state_ += 0x9e3779b97f4a7c15ULL;
    std::uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
  }
  // In [0, 1).
  double uniform() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }
  // In [0, limit); 0 for a limit of 0.
  std::uint32_t below(std::uint32_t limit) {
    return static_cast<std::uint32_t>(((next() >> 32) * limit) >> 32);
  }
  // In [low, high].
  std::uint64_t between(std::uint64_t low, std::uint64_t high) {
    return low + next() % (high - low + 1);
  }
  bool chance(double probability) { return probability > 0 && uniform() < probability; }
  SimTime exponential(double mean_picoseconds) {
    return SimTime(std::llround(-std::log(1.0 - uniform()) * mean_picoseconds));
  }

 private:
  std::uint64_t state_;
};

// Independent streams from one seed: a part of the simulation that draws more or fewer numbers does
// not change what the others draw.
constexpr std::uint64_t derived_seed(std::uint64_t seed, std::uint64_t stream) {
  std::uint64_t z = (seed + 0x632be59bd9b4e019ULL) ^ ((stream + 1) * 0xd6e8feb86659fd93ULL);
  z = (z ^ (z >> 32)) * 0xd6e8feb86659fd93ULL;
  return z ^ (z >> 32);
}

}  // namespace homa::sim
