#include "engine/poll_worth.h"

#include <gtest/gtest.h>

namespace homa::engine {
namespace {

constexpr Duration kPoll{50'000}, kSoon{10'000}, kLate{1'000'000}, kLook{1'000};

class PollWorthTest : public ::testing::Test {
 protected:
  // A wait whose message comes so long after the waiter would go to sleep. Whether it was looked
  // for.
  bool wait_in_vain(Duration asleep = kSoon) {
    const bool looks = look(kPoll);
    EXPECT_FALSE(worth_.looks(now_));
    worth_.goes_to_sleep(now_);
    now_ += asleep;
    worth_.worked(now_);
    return looks;
  }
  // A wait whose message comes soon, whether it is looked for or not.
  bool wait() {
    const bool looks = look(kSoon);
    if (!looks) {
      worth_.goes_to_sleep(now_);
      now_ += kSoon;
    }
    worth_.worked(now_);
    return looks;
  }
  // For so long, or until it does not pay.
  bool look(Duration time) {
    const Time until = now_ + time;
    if (!worth_.looks(now_)) return false;
    while (now_ < until) worth_.looks(now_ += kLook);
    return true;
  }

  PollWorth worth_{kPoll};
  Time now_ = Time{} + Duration{1'000'000};
};

TEST_F(PollWorthTest, WhatIsFoundIsLookedForAgain) {
  worth_.begin(now_);
  for (int i = 0; i < 1'000; ++i) EXPECT_TRUE(wait());
}

TEST_F(PollWorthTest, LookingInVainBecomesRare) {
  worth_.begin(now_);
  int looks = 0;
  for (int i = 0; i < 10'000; ++i) looks += wait_in_vain() ? 1 : 0;
  EXPECT_LT(looks, 40);
  EXPECT_GT(looks, 10) << "it is tried now and then";
}

TEST_F(PollWorthTest, AnIdleMachineSaysNothing) {
  worth_.begin(now_);
  for (int i = 0; i < 1'000; ++i) EXPECT_TRUE(wait_in_vain(kLate));
}

TEST_F(PollWorthTest, WakingUpForNothingIsPartOfTheSleep) {
  worth_.begin(now_);
  for (int i = 0; i < 1'000; ++i) {
    ASSERT_TRUE(look(kPoll));
    for (int wakes = 0; wakes < 10; ++wakes, now_ += kPoll) worth_.goes_to_sleep(now_);
    worth_.worked(now_);
  }
}

TEST_F(PollWorthTest, OneInThreeMayBeInVain) {
  worth_.begin(now_);
  for (int i = 0; i < 1'000; ++i) {
    EXPECT_TRUE(wait());
    EXPECT_TRUE(wait());
    EXPECT_TRUE(wait_in_vain());
  }
}

TEST_F(PollWorthTest, WhatIsThereAtOnceIsNotFound) {
  worth_.begin(now_);
  int looks = 0;
  for (int i = 0; i < 10'000; ++i) {
    looks += wait_in_vain() ? 1 : 0;
    for (int at_once = 0; at_once < 10; ++at_once) worth_.worked(now_ += kLook);
  }
  EXPECT_LT(looks, 80);
}

// The peer had the processor meanwhile, and that is why its message is there.
TEST_F(PollWorthTest, WhatCameWhileTheProcessorWasLostIsNotFound) {
  worth_.begin(now_);
  int looks = 0;
  for (int i = 0; i < 10'000; ++i) {
    looks += wait_in_vain() ? 1 : 0;
    if (worth_.looks(now_)) now_ += 2 * kSoon;
    worth_.worked(now_);
  }
  EXPECT_LT(looks, 80);
}

TEST_F(PollWorthTest, WhoLosesTheProcessorForLongLooksInVain) {
  worth_.begin(now_);
  int looks = 0;
  for (int i = 0; i < 10'000; ++i) {
    if (worth_.looks(now_)) {
      ++looks;
      worth_.looks(now_ += 20 * kPoll);
    } else {
      worth_.goes_to_sleep(now_);
      now_ += kLate;
    }
    worth_.worked(now_ += kLook);
  }
  EXPECT_LT(looks, 40);
}

// Between the beginning of a wait and the first look there may be work to finish.
TEST_F(PollWorthTest, TheWorkItselfIsNoLoss) {
  worth_.begin(now_);
  for (int i = 0; i < 3; ++i) wait_in_vain();
  for (int i = 0; i < 10; ++i) {  // these make up for it
    EXPECT_TRUE(worth_.looks(now_ += kPoll / 2));
    worth_.worked(now_ += kLook);
  }
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(wait_in_vain());
}

TEST_F(PollWorthTest, ItPaysAgainSoonAfterThingsChanged) {
  worth_.begin(now_);
  for (int i = 0; i < 10'000; ++i) wait_in_vain();
  int waits = 0;
  for (int looks = 0; looks < 100; ++waits) looks += wait() ? 1 : 0;
  EXPECT_LE(waits, 100 + 512);
}

TEST_F(PollWorthTest, TimeBetweenWaitsIsNoWait) {
  worth_.begin(now_);
  worth_.goes_to_sleep(now_);
  now_ += kLate;
  worth_.begin(now_);
  EXPECT_TRUE(worth_.looks(now_));
  EXPECT_FALSE(worth_.looks(now_ + kPoll));
}

TEST_F(PollWorthTest, WithoutATimeToLookThereIsNothingToDecide) {
  PollWorth none{Duration::zero()};
  none.begin(now_);
  EXPECT_FALSE(none.looks(now_));
}

}  // namespace
}  // namespace homa::engine
