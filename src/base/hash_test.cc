#include "base/hash.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <vector>

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

constexpr HashKey kKey{0x243f6a8885a308d3, 0x13198a2e03707344};

// Consecutive RPCs of one of our clients differ in the sequence number, above the slot.
TEST(HashId, ConsecutiveRpcsOfASlotHaveNeighbouringBuckets) {
  const std::uint64_t id = (std::uint64_t{1'024} << 21) + 2 * 17;
  EXPECT_EQ(hash_id(kKey, 1, id + (1U << 21)), hash_id(kKey, 1, id) + 1);
}

// A kernel counts in the low bits: its ids must not share a few buckets.
TEST(HashId, IdsThatDifferInTheLowBitsAreSpread) {
  std::set<std::uint64_t> buckets;
  for (std::uint64_t id = 0; id < 512; id += 2) buckets.insert(hash_id(kKey, 1, id) % 1'024);
  EXPECT_GT(buckets.size(), 200U);
}

std::size_t fullest_bucket(const std::vector<std::uint64_t>& ids, const HashKey& key) {
  std::map<std::uint64_t, std::size_t> filled;
  std::size_t most = 0;
  for (const std::uint64_t id : ids) most = std::max(most, ++filled[hash_id(key, 1, id) % 4'096]);
  return most;
}

// Ids that share a bucket under one key do not under another: who does not know the key cannot
// choose such ids.
TEST(HashId, IdsChosenForOneKeyAreSpreadUnderAnother) {
  std::vector<std::uint64_t> chosen;
  for (std::uint64_t id = 2; chosen.size() < 1'000; id += 2) {
    if (hash_id(kKey, 1, id << 27) % 4'096 == 5) chosen.push_back(id << 27);
  }
  EXPECT_EQ(fullest_bucket(chosen, kKey), 1'000U);
  EXPECT_LT(fullest_bucket(chosen, {kKey.a + 1, kKey.b + 7}), 20U);
}

// The patterns that are the simplest to choose.
TEST(HashId, RegularIdsAreSpread) {
  for (unsigned shift = 1; shift < 52; ++shift) {
    std::vector<std::uint64_t> ids;
    for (std::uint64_t i = 0; i < 4'096; ++i) ids.push_back(i << shift);
    EXPECT_LT(fullest_bucket(ids, kKey), 40U) << "multiples of 2^" << shift;
  }
}

}  // namespace
}  // namespace homa::base
