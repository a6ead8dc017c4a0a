#include "engine/look_rhythm.h"

#include <gtest/gtest.h>

namespace homa::engine {
namespace {

constexpr Time at(std::int64_t microseconds) {
  return Time{std::chrono::microseconds(microseconds)};
}
constexpr Duration kInterval = std::chrono::microseconds(100);

TEST(LookRhythm, ALookRightAfterAnotherOneIsNotDue) {
  LookRhythm rhythm(kInterval);
  EXPECT_TRUE(rhythm.due(at(1'000)));
  rhythm.looked(at(1'000), false);
  EXPECT_FALSE(rhythm.due(at(1'024)));
  EXPECT_TRUE(rhythm.due(at(1'025)));
}

TEST(LookRhythm, WhatALookLeftIsTakenAtOnce) {
  LookRhythm rhythm(kInterval);
  rhythm.looked(at(1'000), true);
  EXPECT_TRUE(rhythm.due(at(1'000)));
  rhythm.looked(at(1'000), false);
  EXPECT_FALSE(rhythm.due(at(1'000)));
}

TEST(LookRhythm, TheIntervalCountsFromTheLastLook) {
  LookRhythm rhythm(kInterval);
  rhythm.looked(at(1'000), false);
  EXPECT_EQ(rhythm.next(false), at(1'100));
  EXPECT_EQ(rhythm.next(true), at(1'050)) << "a short answer is waited for";
}

TEST(LookRhythm, WithoutAnIntervalEveryLookIsDue) {
  LookRhythm rhythm(Duration::zero());
  EXPECT_FALSE(rhythm.exists());
  rhythm.looked(at(1'000), false);
  EXPECT_TRUE(rhythm.due(at(1'000)));
}

}  // namespace
}  // namespace homa::engine
