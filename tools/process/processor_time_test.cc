#include "tools/process/processor_time.h"

#include <gtest/gtest.h>

#include <sstream>

namespace homa::tools {
namespace {

ProcessorTime look(const std::vector<int>& cpus) {
  //                  user nice system idle iowait irq softirq steal guest
  std::istringstream stat(
      "cpu  30 7 20 200 10 1 2 3 9 0\n"
      "cpu0 10 5 10 100 5 1 0 1 9 0\n"
      "cpu1 20 2 10 100 5 0 2 2 0 0\n"
      "cpu11 1000 0 0 0 0 0 0 0 0 0\n"
      "intr 12 34\n");
  return processor_time(stat, cpus);
}

TEST(ProcessorTime, IsThatOfTheProcessorsAskedFor) {
  EXPECT_DOUBLE_EQ(look({}).busy, 56);
  EXPECT_DOUBLE_EQ(look({}).all, 273);
  EXPECT_DOUBLE_EQ(look({1}).busy, 34);
  EXPECT_DOUBLE_EQ(look({1}).all, 141);
  EXPECT_DOUBLE_EQ(look({0, 1}).all, 273);
  EXPECT_DOUBLE_EQ(look({5}).all, 0);
}

TEST(ProcessorTime, TheBusyShareIsOfTheTimeBetween) {
  EXPECT_DOUBLE_EQ(busy_share({10, 100}, {40, 160}), 0.5);
  EXPECT_DOUBLE_EQ(busy_share({10, 100}, {10, 100}), 0);
}

TEST(ProcessorTime, ThisMachineHasSome) { EXPECT_GT(processor_time().all, 0); }

}  // namespace
}  // namespace homa::tools
