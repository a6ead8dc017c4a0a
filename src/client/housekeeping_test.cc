#include "client/housekeeping.h"

#include <gtest/gtest.h>

#include <array>

namespace homa::client {
namespace {

constexpr Time at(std::int64_t milliseconds) {
  return Time(std::chrono::milliseconds(milliseconds));
}

class Thing : public Untidy {
 public:
  Left tidy() override {
    ++looks;
    return left;
  }
  Left left = Left::kNothing;
  int looks = 0;
};

TEST(Housekeeping, WithoutActivityNothingIsDue) {
  Housekeeping keeping;
  Thing thing;
  keeping.add(thing);
  EXPECT_EQ(keeping.due(0), kNever);
  EXPECT_LE(keeping.due(1), at(0)) << "something happened";
  keeping.step(at(5), 1);
  EXPECT_EQ(thing.looks, 1);
  EXPECT_EQ(keeping.due(1), kNever) << "and nothing has since";
  EXPECT_EQ(keeping.due(2), at(1'005));
}

TEST(Housekeeping, WhatHasMoreGoesOnAndWhatNeedsTimeIsLookedAtLater) {
  Housekeeping keeping;
  Thing more, later;
  keeping.add(more);
  keeping.add(later);
  more.left = Untidy::Left::kMore;
  later.left = Untidy::Left::kLater;
  keeping.step(at(0), 1);
  EXPECT_LE(keeping.due(1), at(0));
  EXPECT_EQ(later.looks, 0) << "its turn comes when the first is done";
  more.left = Untidy::Left::kNothing;
  keeping.step(at(1), 1);
  EXPECT_EQ(more.looks, 2);
  EXPECT_EQ(later.looks, 1);
  EXPECT_EQ(keeping.due(1), at(1'001)) << "without activity";
}

TEST(Housekeeping, AStepIsBounded) {
  Housekeeping keeping;
  std::array<Thing, 3 * Housekeeping::kLooksAtOnce> things;
  for (Thing& thing : things) keeping.add(thing);
  int steps = 0;
  while (keeping.due(1) <= at(0)) {
    keeping.step(at(0), 1);
    ++steps;
  }
  EXPECT_EQ(steps, 3);
  for (const Thing& thing : things) EXPECT_EQ(thing.looks, 1);
}

TEST(Housekeeping, WhoIsRemovedIsNotLookedAtAgain) {
  Housekeeping keeping;
  Thing stays, goes;
  keeping.add(goes);
  keeping.add(stays);
  keeping.remove(goes);
  keeping.remove(goes);
  keeping.step(at(0), 1);
  EXPECT_EQ(goes.looks, 0);
  EXPECT_EQ(stays.looks, 1);
}

}  // namespace
}  // namespace homa::client
