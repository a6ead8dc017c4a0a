#include "tools/text/units.h"

#include <gtest/gtest.h>

namespace homa::tools {
namespace {

TEST(Units, Words) {
  EXPECT_EQ(format_rate(200'000'000), "200 Mbit/s");
  EXPECT_EQ(format_rate(0), "no limit");
  EXPECT_EQ(format_time(84), "84 us");
  EXPECT_EQ(format_time(1320), "1.32 ms");
  EXPECT_EQ(format_bytes(1000), "1 kB");
}

}  // namespace
}  // namespace homa::tools
