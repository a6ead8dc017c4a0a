#include "tools/text/units.h"

#include <gtest/gtest.h>

namespace homa::tools {
namespace {

TEST(Units, Rates) {
  EXPECT_EQ(parse_rate("200mbit"), 200'000'000U);
  EXPECT_EQ(parse_rate("1.5 Gbit/s"), 1'500'000'000U);
  EXPECT_EQ(parse_rate("25G"), 25'000'000'000U);
  EXPECT_EQ(parse_rate("0"), 0U);
  EXPECT_FALSE(parse_rate("fast"));
  EXPECT_FALSE(parse_rate("-1"));
  EXPECT_FALSE(parse_rate("200mbyte"));
}

TEST(Units, Bytes) {
  EXPECT_EQ(parse_bytes("1500"), 1500U);
  EXPECT_EQ(parse_bytes("64kb"), 64'000U);
  EXPECT_EQ(parse_bytes("4KiB"), 4096U);
  EXPECT_FALSE(parse_bytes(""));
}

TEST(Units, Durations) {
  using namespace std::chrono_literals;
  EXPECT_EQ(parse_duration("20"), 20s);
  EXPECT_EQ(parse_duration("1.5s"), 1500ms);
  EXPECT_EQ(parse_duration("50us"), 50us);
  EXPECT_EQ(parse_duration("2min"), 120s);
  EXPECT_FALSE(parse_duration("soon"));
}

TEST(Units, Words) {
  EXPECT_EQ(format_rate(200'000'000), "200 Mbit/s");
  EXPECT_EQ(format_rate(0), "no limit");
  EXPECT_EQ(format_time(84), "84 us");
  EXPECT_EQ(format_time(1320), "1.32 ms");
  EXPECT_EQ(format_bytes(1000), "1 kB");
}

}  // namespace
}  // namespace homa::tools
