#include "sim/queue_statistics.h"

#include <gtest/gtest.h>

namespace homa::sim {
namespace {

TEST(QueueStatistics, TheMeanIsWeightedByTime) {
  QueueStatistics statistics;
  EXPECT_EQ(statistics.mean_bytes(), 0);
  statistics.add(0, SimTime(300));
  statistics.add(1'000, SimTime(100));
  EXPECT_DOUBLE_EQ(statistics.mean_bytes(), 250);
  EXPECT_EQ(statistics.max_bytes(), 1'000U);
}

TEST(QueueStatistics, APercentileIsTheUpperEdgeOfItsBin) {
  QueueStatistics statistics;
  statistics.add(0, SimTime(900));
  statistics.add(3'000, SimTime(90));
  statistics.add(100'000, SimTime(10));
  EXPECT_EQ(statistics.percentile_bytes(0.5), 0U);
  EXPECT_EQ(statistics.percentile_bytes(0.98), 3'072U);  // 12 bins of 256 bytes
  EXPECT_EQ(statistics.percentile_bytes(1), 100'000U);   // not beyond the longest queue seen
}

TEST(QueueStatistics, QueuesBeyondTheLastBinCountAsTheMaximum) {
  QueueStatistics statistics;
  statistics.add(50'000'000, SimTime(1'000));
  EXPECT_EQ(statistics.max_bytes(), 50'000'000U);
  EXPECT_LE(statistics.percentile_bytes(0.99), 50'000'000U);
  EXPECT_GE(statistics.percentile_bytes(0.99), 4U << 20);
}

TEST(QueueStatistics, ClearForgetsEverything) {
  QueueStatistics statistics;
  statistics.add(1'000, SimTime(100));
  statistics.clear();
  EXPECT_EQ(statistics.mean_bytes(), 0);
  EXPECT_EQ(statistics.max_bytes(), 0U);
}

}  // namespace
}  // namespace homa::sim
