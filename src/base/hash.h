// The hash functions of our intrusive hash tables. They are fixed, so a run repeats on every build.
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

// The hash of an RPC's id. Our ids have a sequence number above 21 bits of slot and side.
// Consecutive RPCs get neighbouring buckets, which are likely in the cache. Ids of kernels differ
// only in the low bits, so these are mixed.
constexpr std::uint64_t mix_id(std::uint64_t id) {
  constexpr std::uint64_t kLow = (1U << 21) - 1;
  return (id >> 21) + mix(id & kLow, 0);
}

}  // namespace homa::base
