// One mixing function for our intrusive hash tables: fixed, so that runs repeat on every build.
#pragma once

#include <cstddef>
#include <cstdint>

namespace homa::base {

constexpr std::uint64_t mix(std::uint64_t a, std::uint64_t b) {
  std::uint64_t h = (a ^ (b * 0x9e3779b97f4a7c15ULL)) * 0xbf58476d1ce4e5b9ULL;
  h ^= h >> 32;
  h *= 0x94d049bb133111ebULL;
  return h ^ (h >> 29);
}

}  // namespace homa::base
