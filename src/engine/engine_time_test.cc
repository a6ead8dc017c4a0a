#include "engine/engine_time.h"

#include <gtest/gtest.h>

namespace homa::engine {
namespace {

constexpr Time at(std::int64_t milliseconds) { return Time(Duration(milliseconds * 1'000'000)); }

auto due(Time time) {
  return [time] { return time; };
}

TEST(EngineTime, IsTheClocksAndNeverGoesBackwards) {
  EngineTime time;
  EXPECT_EQ(time.forward(at(1), due(kNever)), at(1));
  EXPECT_EQ(time.forward(at(2), due(kNever)), at(2));
  EXPECT_EQ(time.forward(at(1), due(kNever)), at(2)) << "a thread that read the clock early";
}

TEST(EngineTime, PausesWithSomethingToDoDoNotCount) {
  EngineTime time;
  time.forward(at(10), due(kNever));
  EXPECT_EQ(time.forward(at(1'010), due(at(20))), at(22)) << "due at 20, and 2 ms of patience";
  EXPECT_EQ(time.forward(at(1'011), due(kNever)), at(23));
  EXPECT_EQ(time.by_clock(at(23)), at(1'011));
  EXPECT_EQ(time.by_clock(kNever), kNever);
}

TEST(EngineTime, WaitingForNothingCounts) {
  EngineTime time;
  time.forward(at(10), due(kNever));
  EXPECT_EQ(time.forward(at(1'010), due(kNever)), at(1'010));
  EXPECT_EQ(time.forward(at(2'010), due(at(2'009))), at(2'010)) << "it was not due before";
}

TEST(EngineTime, TimersWaitForPacketsButNotForEver) {
  EngineTime time;
  EXPECT_FALSE(time.timers_fire(at(1), at(2), 0));
  EXPECT_TRUE(time.timers_fire(at(2), at(2), 0));
  int steps = 1;
  while (!time.timers_fire(at(2), at(2), 64)) ++steps;
  EXPECT_EQ(steps, 32);
  EXPECT_FALSE(time.timers_fire(at(2), at(2), 64)) << "the count begins anew";
}

TEST(EngineTime, TimersWaitForALook) {
  EngineTime time;
  for (int step = 0; step < 100; ++step) {
    EXPECT_FALSE(time.timers_fire(at(2), at(2), std::nullopt)) << "packets may wait";
  }
  EXPECT_TRUE(time.timers_fire(at(2), at(2), 0));
}

}  // namespace
}  // namespace homa::engine
