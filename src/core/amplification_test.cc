#include "core/amplification.h"

#include <gtest/gtest.h>

namespace homa::core {
namespace {

TEST(Amplification, NothingMayBeSentToAnAddressThatSentNothing) {
  Amplification credit;
  EXPECT_FALSE(credit.take(28));
  EXPECT_EQ(credit.take_payload(1'000, 1'424, false), 0U);
}

TEST(Amplification, ThreeTimesTheBytes) {
  Amplification credit;
  credit.received(100);
  EXPECT_FALSE(credit.take(301));
  EXPECT_TRUE(credit.take(200));
  EXPECT_FALSE(credit.take(101));
  EXPECT_TRUE(credit.take(100));
}

// Many short packets would cost their receiver more than their bytes say.
TEST(Amplification, ThreeTimesThePackets) {
  Amplification credit;
  credit.received(1'000);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(credit.take(28));
  EXPECT_FALSE(credit.take(28));
}

TEST(Amplification, APartOfAMessage) {
  Amplification credit;
  credit.received(156);  // a request of 100 bytes
  EXPECT_EQ(credit.take_payload(30'000, 1'424, false), 3 * 156 - wire::kDataHeaderBytes);
  EXPECT_EQ(credit.take_payload(30'000, 1'424, false), 0U);
}

TEST(Amplification, APartOfAMessageIsBoundedInPackets) {
  Amplification credit;
  credit.received(10'000);
  EXPECT_EQ(credit.take_payload(30'000, 1'000, false), 3'000U);
}

TEST(Amplification, AShortMessageWhole) {
  Amplification credit;
  credit.received(156);
  EXPECT_EQ(credit.take_payload(300, 1'424, false), 300U);
}

// A packet that was begun is sent whole, so a grant counts in whole packets.
TEST(Amplification, WholePackets) {
  Amplification credit;
  credit.received(1'480);
  EXPECT_EQ(credit.take_payload(30'000, 1'424, true), 2 * 1'424U + 1'424U);
  Amplification less;
  less.received(1'000);
  EXPECT_EQ(less.take_payload(30'000, 1'424, true), 2 * 1'424U);
  EXPECT_EQ(less.take_payload(30'000, 1'424, true), 0U);
}

}  // namespace
}  // namespace homa::core
