#include "core/challenge.h"

#include <gtest/gtest.h>

namespace homa::core {
namespace {

using std::chrono::milliseconds;

constexpr Time at(Duration since_start) { return Time(since_start); }
constexpr Duration kInterval = milliseconds(5);
constexpr Address kHere = Address::v4(10, 0, 0, 1);
constexpr Address kThere = Address::v4(10, 0, 0, 2);

TEST(Challenge, OnlyTheNonceFromTheAddressAnswers) {
  Challenge challenge;
  EXPECT_FALSE(challenge.answered(kHere, 0)) << "nothing was asked";
  EXPECT_EQ(challenge.ask(at(milliseconds(1)), kHere, kInterval, 77), 77U);
  EXPECT_FALSE(challenge.answered(kHere, 78));
  EXPECT_FALSE(challenge.answered(kThere, 77));
  EXPECT_TRUE(challenge.answered(kHere, 77));
  EXPECT_FALSE(challenge.answered(kHere, 77)) << "a copy of the answer";
}

TEST(Challenge, IsRepeatedAfterTheIntervalWithTheSameNonce) {
  Challenge challenge;
  EXPECT_EQ(challenge.ask(at(milliseconds(1)), kHere, kInterval, 1), 1U);
  EXPECT_EQ(challenge.ask(at(milliseconds(5)), kHere, kInterval, 2), std::nullopt);
  EXPECT_EQ(challenge.ask(at(milliseconds(6)), kHere, kInterval, 3), 1U);
  EXPECT_TRUE(challenge.answered(kHere, 1));
}

// Who receives at one address must not be able to answer for another.
TEST(Challenge, AnotherAddressGetsAnotherNonce) {
  Challenge challenge;
  EXPECT_EQ(challenge.ask(at(milliseconds(1)), kHere, kInterval, 1), 1U);
  EXPECT_EQ(challenge.ask(at(milliseconds(1)), kThere, kInterval, 2), 2U);
  EXPECT_FALSE(challenge.answered(kThere, 1));
  EXPECT_FALSE(challenge.answered(kHere, 1));
  EXPECT_TRUE(challenge.answered(kThere, 2));
}

TEST(Challenge, AfterAnAnswerTheNonceIsAnother) {
  Challenge challenge;
  EXPECT_EQ(challenge.ask(at(milliseconds(1)), kHere, kInterval, 1), 1U);
  EXPECT_TRUE(challenge.answered(kHere, 1));
  EXPECT_EQ(challenge.ask(at(milliseconds(2)), kHere, kInterval, 2), 2U);
}

}  // namespace
}  // namespace homa::core
