#include "base/hash.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <set>

namespace homa::base {
namespace {

TEST(Mix, SpreadsKeysThatDifferInFewBits) {
  constexpr std::size_t kBuckets = 256;
  std::array<int, kBuckets> filled{};
  for (std::uint64_t key = 0; key < 16 * kBuckets; ++key) ++filled[mix(key, 7) % kBuckets];
  EXPECT_GT(*std::min_element(filled.begin(), filled.end()), 2);
  EXPECT_LT(*std::max_element(filled.begin(), filled.end()), 40);
}

TEST(Mix, BothArgumentsCount) {
  EXPECT_NE(mix(1, 2), mix(1, 3));
  EXPECT_NE(mix(1, 2), mix(2, 1));
}

// Consecutive RPCs of one of our clients differ in the sequence number, above the slot.
TEST(MixId, ConsecutiveRpcsOfASlotHaveNeighbouringBuckets) {
  const std::uint64_t id = (std::uint64_t{1'000} << 21) + 2 * 17;
  EXPECT_EQ(mix_id(id + (1U << 21)), mix_id(id) + 1);
}

// A kernel counts in the low bits: its ids must not share a few buckets.
TEST(MixId, IdsThatDifferInTheLowBitsAreSpread) {
  std::set<std::uint64_t> buckets;
  for (std::uint64_t id = 0; id < 512; id += 2) buckets.insert(mix_id(id) % 1'024);
  EXPECT_GT(buckets.size(), 200U);
}

}  // namespace
}  // namespace homa::base
