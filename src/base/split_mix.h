// Pseudo-random numbers that are the same with every compiler and library. The standard's
// distributions may differ, and a seed must give the same run everywhere.
#pragma once

#include <cstdint>

namespace homa::base {

// SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014).
class SplitMix {
 public:
  explicit SplitMix(std::uint64_t seed) : state_(seed) {}

  std::uint64_t next() {
    state_ += 0x9e3779b97f4a7c15ULL;
    std::uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
  }
  // In [0, 1).
  double uniform() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }
  // In [low, high]; the whole range of 64 bits is not allowed.
  std::uint64_t between(std::uint64_t low, std::uint64_t high) {
    return low + next() % (high - low + 1);
  }
  // Draws nothing if the probability is 0.
  bool chance(double probability) { return probability > 0 && uniform() < probability; }

 private:
  std::uint64_t state_;
};

}  // namespace homa::base
