#include "core/incoming_budget.h"

#include <gtest/gtest.h>

namespace homa::core {
namespace {

constexpr std::uint64_t kGigabit = 1'000'000'000;
constexpr std::uint64_t kBytesPerGigabit = 125'000;  // that arrive in a millisecond

// Data arrives at a rate, and grants are given every 50 us.
class Arrivals {
 public:
  explicit Arrivals(IncomingBudget& budget) : budget_(budget) {}
  void run(std::uint64_t gigabits, int milliseconds) {
    for (int i = 0; i < milliseconds * 20; ++i) {
      now_ += Duration(50'000);
      received_ += gigabits * kBytesPerGigabit / 20;
      budget_.update(now_, received_);
    }
  }

 private:
  IncomingBudget& budget_;
  Time now_{std::chrono::seconds(1'000)};
  std::uint64_t received_ = 0;
};

CoreConfig config(std::uint32_t most) {
  CoreConfig config;
  config.max_incoming = 400'000;
  config.max_incoming_most = most;
  return config;
}

TEST(IncomingBudget, GrowsWithTheLinkAsTheDefaultsDo) {
  EXPECT_EQ(max_incoming_for(0), 400'000U);
  EXPECT_EQ(max_incoming_for(10 * kGigabit), 400'000U);
  EXPECT_EQ(max_incoming_for(25 * kGigabit), 480'000U);
  EXPECT_EQ(max_incoming_for(100 * kGigabit), 1'600'000U);
  EXPECT_EQ(max_incoming_for(50 * kGigabit), 853'333U);
  EXPECT_EQ(max_incoming_for(1'000'000 * kGigabit), max_incoming_for(400 * kGigabit));
}

TEST(IncomingBudget, FollowsTheRateAtWhichDataArrives) {
  IncomingBudget budget(config(1'600'000));
  Arrivals arrivals(budget);
  EXPECT_EQ(budget.bytes(), 400'000U);
  arrivals.run(8, 10);
  EXPECT_EQ(budget.bytes(), 400'000U) << "a slow link needs no more";
  arrivals.run(50, 3);
  EXPECT_NEAR(budget.bytes(), 853'333, 16'000);
  arrivals.run(300, 3);
  EXPECT_EQ(budget.bytes(), 1'600'000U) << "the most there may be";
}

TEST(IncomingBudget, FallsSlowlyWhenLessArrives) {
  IncomingBudget budget(config(1'600'000));
  Arrivals arrivals(budget);
  arrivals.run(50, 3);
  const std::uint32_t full = budget.bytes();
  arrivals.run(0, 1);
  EXPECT_LT(budget.bytes(), full);
  EXPECT_GT(budget.bytes(), full * 3 / 4) << "a pause between two messages";
  arrivals.run(1, 30);
  EXPECT_EQ(budget.bytes(), 400'000U);
}

TEST(IncomingBudget, StaysWhereTheRateOfTheLinkIsKnown) {
  IncomingBudget budget(config(0));
  Arrivals arrivals(budget);
  arrivals.run(50, 10);
  EXPECT_EQ(budget.bytes(), 400'000U);
}

}  // namespace
}  // namespace homa::core
