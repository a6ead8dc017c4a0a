#include "client/look_interval.h"

#include <gtest/gtest.h>

namespace homa::client {
namespace {

constexpr Duration kTakeover{1'000'000};

TEST(LookInterval, LooksAtABusyApplicationBecomeRareUpToABound) {
  LookInterval interval(kTakeover);
  EXPECT_EQ(interval.next(false), kTakeover);
  interval.looked(false);
  EXPECT_EQ(interval.next(false), 2 * kTakeover);
  for (int look = 0; look < 10; ++look) interval.looked(false);
  EXPECT_EQ(interval.next(false), LookInterval::kLongest * kTakeover);
}

TEST(LookInterval, WhenNobodyDrivesTheNextLookFollowsSoon) {
  LookInterval interval(kTakeover);
  for (int look = 0; look < 10; ++look) interval.looked(false);
  interval.looked(true);
  EXPECT_EQ(interval.next(false), kTakeover);
}

// It is between two waits at each look, but it waits all the time.
TEST(LookInterval, AnApplicationThatCameBackIsBusyAgain) {
  LookInterval interval(kTakeover);
  for (int look = 0; look < 10; ++look) interval.looked(false);
  interval.looked(true);
  interval.looked(true);
  EXPECT_EQ(interval.next(false), LookInterval::kLongest * kTakeover);
}

TEST(LookInterval, WhoDependsOnTheLooksIsNotMadeToWait) {
  LookInterval interval(kTakeover);
  for (int look = 0; look < 10; ++look) interval.looked(false);
  EXPECT_EQ(interval.next(true), kTakeover);
}

}  // namespace
}  // namespace homa::client
