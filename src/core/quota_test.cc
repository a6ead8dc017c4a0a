#include "core/quota.h"

#include <gtest/gtest.h>

#include <array>

#include "support/random.h"
#include "support/seeds.h"

namespace homa::core {
namespace {

TEST(Quota, WithoutLimitsThereIsAlwaysRoom) {
  Quota quota(QuotaShare::kUnlimited);
  QuotaShare share;
  ASSERT_TRUE(quota.join(share, 0, QuotaShare::kUnlimited));
  quota.take(share, std::uint64_t{1} << 60);
  EXPECT_TRUE(quota.has_room(share, std::uint64_t{1} << 60));
}

TEST(Quota, NobodyHasMoreThanItsMaximum) {
  Quota quota(100);
  QuotaShare share;
  ASSERT_TRUE(quota.join(share, 10, 30));
  quota.take(share, 25);
  EXPECT_TRUE(quota.has_room(share, 5));
  EXPECT_FALSE(quota.has_room(share, 6));
}

TEST(Quota, WhatIsGuaranteedIsKeptForItsOwner) {
  Quota quota(100);
  QuotaShare hog, other;
  ASSERT_TRUE(quota.join(hog, 10, 1'000));
  ASSERT_TRUE(quota.join(other, 30, 1'000));
  EXPECT_TRUE(quota.has_room(hog, 70));
  EXPECT_FALSE(quota.has_room(hog, 71));
  quota.take(hog, 70);
  EXPECT_EQ(quota.beyond(), quota.common());
  EXPECT_TRUE(quota.has_room(other, 30));
  EXPECT_FALSE(quota.has_room(other, 31));
  quota.give_back(hog, 1);
  EXPECT_TRUE(quota.has_room(other, 31));
}

TEST(Quota, NoMoreIsGuaranteedThanThereIs) {
  Quota quota(100);
  QuotaShare first, second;
  ASSERT_TRUE(quota.join(first, 60, 100));
  EXPECT_FALSE(quota.join(second, 41, 100));
  EXPECT_TRUE(quota.join(second, 40, 100));
  quota.take(first, 60);
  quota.leave(first);
  EXPECT_EQ(quota.guaranteed(), 40U);
  EXPECT_EQ(quota.beyond(), 0U);
}

TEST(Quota, ASmallerTotalTakesNothingAwayAndGivesNothing) {
  Quota quota(100);
  QuotaShare share;
  ASSERT_TRUE(quota.join(share, 20, 100));
  quota.take(share, 60);
  quota.set_total(10);
  EXPECT_FALSE(quota.has_room(share, 1));
  quota.give_back(share, 50);
  EXPECT_TRUE(quota.has_room(share, 10)) << "its guarantee";
  EXPECT_FALSE(quota.has_room(share, 11));
}

// Whatever accounts do, none finds its guarantee used by others, and there is never more in use
// than there is.
TEST(Quota, HoldsWhateverAccountsDo) {
  for (const std::uint64_t seed : test::seeds(50)) {
    SCOPED_TRACE(seed);
    test::Random random(seed);
    constexpr std::uint64_t kTotal = 1'000;
    Quota quota(kTotal);
    std::array<QuotaShare, 5> shares;
    for (QuotaShare& share : shares) ASSERT_TRUE(quota.join(share, random.below(200), 900));
    for (int i = 0; i < 2'000; ++i) {
      QuotaShare& share = shares[random.below(shares.size())];
      if (random.below(3) == 0) {
        quota.give_back(share, random.below(share.used + 1));
        continue;
      }
      const std::uint64_t amount = random.below(150);
      const bool room = quota.has_room(share, amount);
      if (share.used + amount <= share.guaranteed) {
        ASSERT_TRUE(room);
      }
      if (room) quota.take(share, amount);
      std::uint64_t used = 0, beyond = 0;
      for (const QuotaShare& each : shares) {
        used += each.used;
        beyond += each.beyond();
        ASSERT_LE(each.used, each.maximum);
      }
      ASSERT_LE(used, kTotal);
      ASSERT_EQ(beyond, quota.beyond());
      ASSERT_LE(beyond, quota.common());
    }
  }
}

}  // namespace
}  // namespace homa::core
