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

// Of an RPC's id, which has its client's sequence number in the upper bits, above 21 of slot and
// side (of a kernel, it is all in the lower ones). A client with few RPCs at a time has its ids in
// neighbouring buckets, which are found in the cache.
constexpr std::uint64_t mix_id(std::uint64_t id) {
  constexpr std::uint64_t kLow = (1U << 21) - 1;
  return (id >> 21) + mix(id & kLow, 0);
}

}  // namespace homa::base
