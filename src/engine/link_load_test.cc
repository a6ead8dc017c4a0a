#include "engine/link_load.h"

#include <gtest/gtest.h>

namespace homa::engine {
namespace {

constexpr Time at(std::int64_t microseconds) {
  return Time{std::chrono::microseconds(microseconds)};
}

TEST(LinkLoad, IsBusyFromHalfTheRateOnInEitherDirection) {
  LinkLoad load(200'000'000);  // 25 bytes a microsecond
  load.update(at(10'000), 0, 0);
  load.update(at(12'000), 24'000, 0);
  EXPECT_FALSE(load.busy());
  load.update(at(14'000), 24'000 + 26'000, 0);
  EXPECT_TRUE(load.busy());
  load.update(at(16'000), 50'000, 26'000);
  EXPECT_TRUE(load.busy());
}

TEST(LinkLoad, JudgesWholeWindowsOnly) {
  LinkLoad load(200'000'000);
  load.update(at(10'000), 0, 0);
  load.update(at(10'100), 25'000, 0);  // a burst
  EXPECT_FALSE(load.busy());
  load.update(at(12'000), 40'000, 0);
  EXPECT_TRUE(load.busy());
}

TEST(LinkLoad, FallsIdleAfterASilence) {
  LinkLoad load(200'000'000);
  load.update(at(10'000), 0, 0);
  load.update(at(12'000), 50'000, 0);
  ASSERT_TRUE(load.busy());
  load.update(at(100'000), 50'100, 0);
  EXPECT_FALSE(load.busy());
}

TEST(LinkLoad, OfUnknownRateIsNeverBusy) {
  LinkLoad load(0);
  load.update(at(10'000), 0, 0);
  load.update(at(12'000), 1'000'000'000, 0);
  EXPECT_FALSE(load.busy());
}

}  // namespace
}  // namespace homa::engine
