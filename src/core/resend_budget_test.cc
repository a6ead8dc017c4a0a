#include "core/resend_budget.h"

#include <gtest/gtest.h>

namespace homa::core {
namespace {

constexpr Time at(Duration time) { return Time(std::chrono::hours(1)) + time; }
constexpr Duration kSecond{1'000'000'000};
constexpr std::uint64_t kLink = 10'000'000'000;
constexpr std::uint64_t kRate = kLink / 8 / ResendBudget::kShareOfLink;

TEST(ResendBudget, AMessageGoesSomeTimesAgainForNothing) {
  EXPECT_TRUE(ResendBudget::is_free(1'000, 0));
  EXPECT_TRUE(ResendBudget::is_free(1'000, 7'999));
  EXPECT_FALSE(ResendBudget::is_free(1'000, 8'000));
  EXPECT_FALSE(ResendBudget::is_free(0, 0)) << "nothing was sent";
}

TEST(ResendBudget, BeyondThatAPeerGetsAShareOfTheLink) {
  ResendBudget budget;
  std::uint64_t sent = 0;
  for (Duration time{0}; time < kSecond; time += Duration(1'000'000)) {
    sent += budget.take(at(time), 1, 1'000'000, kLink);
  }
  const std::uint64_t most = kRate + kRate / 10;  // what it may save up
  EXPECT_LE(sent, most);
  EXPECT_GE(sent, most - kRate / 50);
}

TEST(ResendBudget, WhatIsNotTakenIsSavedForAWhile) {
  ResendBudget budget;
  EXPECT_EQ(budget.take(at({}), 1, 0xffffffff, kLink), kRate / 10);
  EXPECT_EQ(budget.take(at({}), 1, 1, kLink), 0U);
  EXPECT_EQ(budget.take(at(kSecond / 100), 1, 1'000, kLink), 1'000U);
  EXPECT_EQ(budget.take(at(10 * kSecond), 1, 0xffffffff, kLink), kRate / 10);
}

TEST(ResendBudget, LessThanAPacketIsLeftForLater) {
  ResendBudget budget;
  budget.take(at({}), 1, 0xffffffff, kLink);
  EXPECT_EQ(budget.take(at(Duration(1'000)), 1'400, 50'000, kLink), 0U);
  EXPECT_GE(budget.take(at(Duration(100'000)), 1'400, 50'000, kLink), 1'400U);
}

TEST(ResendBudget, OnSlowAndUnknownLinksSomethingGoes) {
  ResendBudget slow, unknown;
  EXPECT_EQ(slow.take(at({}), 1, 0xffffffff, 1'000'000), ResendBudget::kBytesPerSecondLeast / 10);
  EXPECT_EQ(unknown.take(at({}), 1, 0xffffffff, 0),
            ResendBudget::kUnknownLink / 8 / ResendBudget::kShareOfLink / 10);
}

}  // namespace
}  // namespace homa::core
