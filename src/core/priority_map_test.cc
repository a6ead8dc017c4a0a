#include "core/priority_map.h"

#include <gtest/gtest.h>

#include <array>
#include <random>
#include <vector>

#include "core/config.h"

namespace homa::core {
namespace {

TEST(Priorities, UnscheduledByTheDefaultCutoffs) {
  const CoreConfig config;
  EXPECT_EQ(unscheduled_priority(config.cutoffs, 1), 7);
  EXPECT_EQ(unscheduled_priority(config.cutoffs, 200), 7);
  EXPECT_EQ(unscheduled_priority(config.cutoffs, 201), 6);
  EXPECT_EQ(unscheduled_priority(config.cutoffs, 15'000), 5);
  EXPECT_EQ(unscheduled_priority(config.cutoffs, 1'000'000), 4);
  EXPECT_EQ(unscheduled_priority(Cutoffs{}, 1), 0) << "cutoffs that make no sense harm nobody";
}

TEST(Priorities, ScheduledFillTheLevelsBelowFromTheBottom) {
  const CoreConfig config;
  const PriorityMap map(8, config.cutoffs);
  EXPECT_EQ(map.scheduled(0, 1), 0);
  EXPECT_EQ(map.scheduled(0, 4), 3);
  EXPECT_EQ(map.scheduled(3, 4), 0);
  EXPECT_EQ(map.scheduled(0, 8), 3);
  EXPECT_EQ(map.scheduled(7, 8), 0);
}

TEST(Priorities, FewerLevelsAreTheHighestOnes) {
  const CoreConfig config;
  const PriorityMap one(1, config.cutoffs);
  EXPECT_EQ(unscheduled_priority(one.cutoffs(), 1'000'000), 7);
  EXPECT_EQ(one.scheduled(0, 3), 7);
  EXPECT_EQ(one.unscheduled_default(), 7);
}

TEST(Priorities, CutoffsFollowTheTraffic) {
  const CoreConfig config;
  PriorityMap map(8, config.cutoffs);
  for (int i = 0; i < 2'000; ++i) map.count(100, 100);
  EXPECT_TRUE(map.recompute(1'000));
  // All bytes are unscheduled: seven levels for them, one left for grants; one size fills the
  // first.
  EXPECT_GE(map.cutoffs()[7], 100U);
  EXPECT_EQ(map.cutoffs()[0], 0U);
  const auto version = map.version();
  for (int i = 0; i < 2'000; ++i) map.count(100, 100);
  EXPECT_FALSE(map.recompute(1'000)) << "nothing moved";
  EXPECT_EQ(map.version(), version);
}

TEST(Priorities, UnscheduledLevelsCarryEqualBytesShortestHighest) {
  const CoreConfig config;
  PriorityMap map(8, config.cutoffs);
  std::mt19937 random(1);
  std::vector<std::uint32_t> lengths;
  for (int i = 0; i < 20'000; ++i) {
    const std::uint32_t length = 1U << (random() % 15);
    lengths.push_back(length);
    map.count(2 * length, length);  // half of the bytes are unscheduled: four levels
  }
  ASSERT_TRUE(map.recompute(1'000));
  std::array<double, 8> bytes{};
  for (const std::uint32_t length : lengths) {
    bytes[unscheduled_priority(map.cutoffs(), 2 * length)] += length;
  }
  EXPECT_EQ(bytes[3] + bytes[2] + bytes[1] + bytes[0], 0);
  for (std::size_t level = 5; level < 8; ++level) {
    EXPECT_GT(map.cutoffs()[level - 1], map.cutoffs()[level]);
    EXPECT_GT(bytes[level], 0);
  }
}

TEST(Priorities, TooFewMessagesChangeNothing) {
  PriorityMap map(8, CoreConfig{}.cutoffs);
  for (int i = 0; i < 999; ++i) map.count(100, 100);
  EXPECT_FALSE(map.recompute(1'000));
}

}  // namespace
}  // namespace homa::core
