#include "sim/slowdown.h"

#include <gtest/gtest.h>

namespace homa::sim {
namespace {

TEST(Slowdown, PercentilesAreOfNearestRank) {
  SlowdownStatistics statistics;
  for (int i = 1; i <= 1000; ++i) statistics.add(100, i);
  const SlowdownSummary all = statistics.all();
  EXPECT_EQ(all.count, 1000U);
  EXPECT_DOUBLE_EQ(all.mean, 500.5);
  EXPECT_EQ(all.p50, 500);
  EXPECT_EQ(all.p99, 990);
  EXPECT_EQ(all.p999, 999);
  EXPECT_EQ(all.max, 1000);
}

TEST(Slowdown, TheShortHalfIsChosenBySizeAlone) {
  SlowdownStatistics statistics;
  for (int i = 0; i < 60; ++i) statistics.add(10, 2);
  for (int i = 0; i < 40; ++i) statistics.add(1000, 50);
  EXPECT_EQ(statistics.short_half().count, 60U);
  EXPECT_EQ(statistics.short_half().max, 2);
}

TEST(Slowdown, RareSizesAreMergedUntilAClassIsLargeEnough) {
  SlowdownStatistics statistics;
  for (int i = 0; i < 100; ++i) statistics.add(1, 1);
  for (std::uint32_t size = 2; size < 12; ++size) {
    for (int i = 0; i < 30; ++i) statistics.add(size, size);
  }
  const std::vector<SizeClass> classes = statistics.sizes(100);
  ASSERT_EQ(classes.size(), 3U);  // 1; 2..5; 6..9 with the 60 left over
  EXPECT_EQ(classes[0].bytes_max, 1U);
  EXPECT_EQ(classes[1].bytes_min, 2U);
  EXPECT_EQ(classes[1].bytes_max, 5U);
  EXPECT_EQ(classes[2].bytes_max, 11U);
  EXPECT_EQ(classes[2].slowdown.count, 180U);
}

}  // namespace
}  // namespace homa::sim
