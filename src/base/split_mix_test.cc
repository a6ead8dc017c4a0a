#include "base/split_mix.h"

#include <gtest/gtest.h>

namespace homa::base {
namespace {

// The reference implementation's first numbers for this seed (prng.di.unimi.it/splitmix64.c).
TEST(SplitMix, GivesTheReferenceSequence) {
  SplitMix random(1234567);
  EXPECT_EQ(random.next(), 6457827717110365317ULL);
  EXPECT_EQ(random.next(), 3203168211198807973ULL);
  EXPECT_EQ(random.next(), 9817491932198370423ULL);
}

TEST(SplitMix, UniformNumbersFillTheUnitInterval) {
  SplitMix random(1);
  double sum = 0, least = 1, most = 0;
  for (int i = 0; i < 10'000; ++i) {
    const double number = random.uniform();
    sum += number;
    least = std::min(least, number);
    most = std::max(most, number);
  }
  EXPECT_NEAR(sum / 10'000, 0.5, 0.02);
  EXPECT_GE(least, 0.0);
  EXPECT_LT(least, 0.01);
  EXPECT_GT(most, 0.99);
  EXPECT_LT(most, 1.0);
}

TEST(SplitMix, ARangeIncludesBothEnds) {
  SplitMix random(2);
  bool low = false, high = false;
  for (int i = 0; i < 1'000; ++i) {
    const std::uint64_t number = random.between(5, 8);
    ASSERT_GE(number, 5U);
    ASSERT_LE(number, 8U);
    low = low || number == 5;
    high = high || number == 8;
  }
  EXPECT_TRUE(low && high);
  EXPECT_EQ(random.between(7, 7), 7U);
}

TEST(SplitMix, ChancesAreAsLikelyAsTheySay) {
  SplitMix random(3);
  int hits = 0;
  for (int i = 0; i < 10'000; ++i) hits += random.chance(0.3) ? 1 : 0;
  EXPECT_NEAR(hits, 3'000, 200);
  EXPECT_TRUE(random.chance(1));
}

// Switching a fault off must not shift the numbers that the rest of a run draws.
TEST(SplitMix, NoChanceDrawsNothing) {
  SplitMix random(4), other(4);
  EXPECT_FALSE(random.chance(0));
  EXPECT_EQ(random.next(), other.next());
}

}  // namespace
}  // namespace homa::base
