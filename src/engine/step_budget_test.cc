#include "engine/step_budget.h"

#include <gtest/gtest.h>

#include <vector>

namespace homa::engine {
namespace {

// Programs that ask for all that they may have. What each got in the last step.
struct Programs {
  explicit Programs(std::size_t count) : shares(count), taken(count) {}

  void step(std::size_t waiting = 0) {
    budget.begin(shares.size() == 1, waiting);
    for (std::size_t i = 0; i < shares.size(); ++i) {
      taken[i] = budget.left(shares[i]);
      if (taken[i] > 0) budget.take(shares[i], taken[i]);
    }
  }

  StepBudget budget;
  std::vector<StepShare> shares;
  std::vector<std::size_t> taken;
};

TEST(StepBudget, AProgramAloneMayUseTheWholeStep) {
  Programs one(1);
  for (int i = 0; i < 3; ++i) {
    one.step();
    EXPECT_EQ(one.taken[0], StepBudget::kInAll);
    EXPECT_TRUE(one.budget.used_up());
    EXPECT_EQ(one.budget.left(one.shares[0]), 0U);
  }
}

TEST(StepBudget, BesideOthersAProgramHasASmallShareForAllItsChannels) {
  Programs both(2);
  for (int i = 0; i < 3; ++i) {
    both.step();
    EXPECT_EQ(both.taken[0], StepBudget::kMost);
    EXPECT_EQ(both.taken[1], StepBudget::kMost);
    EXPECT_EQ(both.budget.left(both.shares[0]), 0U);
  }
}

TEST(StepBudget, TheMoreAreBusyTheLessEachGets) {
  Programs many(32);
  many.step();
  many.step();
  for (const std::size_t taken : many.taken) EXPECT_EQ(taken, StepBudget::kTogether / 32);
  Programs more(200);
  more.step();
  more.step();
  for (const std::size_t taken : more.taken) EXPECT_EQ(taken, StepBudget::kLeast);
}

TEST(StepBudget, WhileMessagesWaitEachProgramGoesOnSlowly) {
  Programs both(2);
  both.step(StepBudget::kWaitingMax);
  EXPECT_EQ(both.taken[0], 1U);
  EXPECT_EQ(both.taken[1], 1U) << "whoever it was whose messages wait";
  both.step(StepBudget::kWaitingMax - 1);
  EXPECT_EQ(both.taken[0], StepBudget::kMost);
}

}  // namespace
}  // namespace homa::engine
