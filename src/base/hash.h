// Hash functions. mix() is fixed. Tables whose keys come from the network use a key that is random
// in each process: who does not know it cannot choose keys that fall into one bucket.
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

struct HashKey {
  std::uint64_t a, b;
};

// The compilers' own, which the language's standard does not know.
__extension__ using Word128 = unsigned __int128;

// Both halves of a product: two multiplications' worth of mixing for one.
constexpr std::uint64_t keyed_hash(const HashKey& key, std::uint64_t x, std::uint64_t y) {
  const auto product = static_cast<Word128>(x ^ key.a) * (y ^ key.b);
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

// The hash of an RPC's id; `salt` is secret, and tells apart whose id it is. Our ids have a
// sequence number above 21 bits of slot and side. Up to 64 consecutive RPCs get neighbouring
// buckets, which are likely in the cache. Whoever chooses ids gets no more than that into
// neighbouring buckets.
constexpr std::uint64_t hash_id(const HashKey& key, std::uint64_t salt, std::uint64_t id) {
  constexpr std::uint64_t kLow = (1U << 21) - 1, kNeighbours = 63;
  return keyed_hash(key, (id >> 27) ^ salt, id & kLow) + (id >> 21 & kNeighbours);
}

}  // namespace homa::base
