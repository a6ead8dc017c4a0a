#include "core/repairs.h"

#include <gtest/gtest.h>

namespace homa::core {
namespace {

using std::chrono_literals::operator""ms;

constexpr Time at(Duration since_start) { return Time(since_start); }

TEST(Repairs, AreUnderWayWhileDataComesAndIsLessThanWhatIsAhead) {
  Repairs repairs;
  const auto first = repairs.asked(3'000, 0);
  const auto second = repairs.asked(1'000, 500);
  EXPECT_FALSE(repairs.under_way(at(1ms), first, 5ms)) << "nothing comes yet";
  repairs.arrived(at(2ms), 1'500);
  EXPECT_TRUE(repairs.under_way(at(6ms), first, 5ms));
  EXPECT_FALSE(repairs.under_way(at(7ms), first, 5ms)) << "no more comes";
  repairs.arrived(at(8ms), 1'500);
  EXPECT_FALSE(repairs.under_way(at(8ms), first, 5ms)) << "all of it came";
  repairs.arrived(at(9ms), 1'499);
  EXPECT_TRUE(repairs.under_way(at(9ms), second, 5ms)) << "others may go before it";
  repairs.arrived(at(9ms), 1);
  EXPECT_FALSE(repairs.under_way(at(9ms), second, 5ms));
}

TEST(Repairs, DataArrivesWhileTheLastOfItIsRecent) {
  Repairs repairs;
  EXPECT_FALSE(repairs.arriving(at(0ms), 2ms)) << "nothing came yet";
  repairs.arrived(at(1ms), 1'000);
  EXPECT_TRUE(repairs.arriving(at(2ms), 2ms));
  EXPECT_FALSE(repairs.arriving(at(3ms), 2ms));
}

TEST(Repairs, WhatCameUnaskedIsNoCredit) {
  Repairs repairs;
  repairs.arrived(at(1ms), 8'000);
  EXPECT_EQ(repairs.asked(10, 0), 8'010U);
}

TEST(Repairs, AWholeRequestIsAwaitedToo) {
  Repairs repairs;
  repairs.arrived(at(1ms), 100);
  EXPECT_FALSE(repairs.under_way(at(1ms), repairs.whole(), 5ms)) << "nobody asked for one";
  repairs.asked_for_all(50'000);
  repairs.asked_for_all(50'000);
  repairs.arrived(at(2ms), 99'999);
  EXPECT_TRUE(repairs.under_way(at(2ms), repairs.whole(), 5ms));
  EXPECT_FALSE(repairs.under_way(at(7ms), repairs.whole(), 5ms));
}

}  // namespace
}  // namespace homa::core
