#include "base/quantity.h"

#include <gtest/gtest.h>

namespace homa::base {
namespace {

using namespace std::chrono_literals;

TEST(Quantity, NumbersHaveASignAndNoUnit) {
  EXPECT_EQ(parse_number("0.25"), 0.25);
  EXPECT_EQ(parse_number("-3"), -3);
  EXPECT_EQ(parse_number("1e-6"), 1e-6);
  for (const char* text : {"", " 1", "1 ", "1k", "nan", "inf", "-inf", "1e999", "0x10", "1,5"}) {
    EXPECT_FALSE(parse_number(text)) << text;
  }
}

TEST(Quantity, CountsHaveDecimalPrefixes) {
  EXPECT_EQ(parse_count("40"), 40U);
  EXPECT_EQ(parse_count("40k"), 40'000U);
  EXPECT_EQ(parse_count("1M"), 1'000'000U);
  EXPECT_EQ(parse_count("2.5G"), 2'500'000'000U);
  EXPECT_EQ(parse_count("1e6"), 1'000'000U);
  EXPECT_FALSE(parse_count("4kb"));
}

TEST(Quantity, WholeNumbersAreExactUpToTheLast) {
  EXPECT_EQ(parse_count("18446744073709551615"), 18'446'744'073'709'551'615U);
  EXPECT_FALSE(parse_count("18446744073709551616"));
  EXPECT_EQ(parse_count("9007199254740993"), 9'007'199'254'740'993U);  // 2^53 + 1
  EXPECT_FALSE(parse_count("99999999999G"));
}

TEST(Quantity, BytesKnowBothKindsOfPrefix) {
  EXPECT_EQ(parse_bytes("1500"), 1500U);
  EXPECT_EQ(parse_bytes("64kb"), 64'000U);
  EXPECT_EQ(parse_bytes("64 KB"), 64'000U);
  EXPECT_EQ(parse_bytes("4KiB"), 4096U);
  EXPECT_EQ(parse_bytes("1.5mib"), 1'572'864U);
}

TEST(Quantity, RatesAreBitsPerSecond) {
  EXPECT_EQ(parse_rate("200mbit"), 200'000'000U);
  EXPECT_EQ(parse_rate("1.5 Gbit/s"), 1'500'000'000U);
  EXPECT_EQ(parse_rate("25G"), 25'000'000'000U);
  EXPECT_EQ(parse_rate("0"), 0U);
  EXPECT_FALSE(parse_rate("200mbyte"));
}

TEST(Quantity, DurationsWithoutUnitAreSecondsOrRefused) {
  EXPECT_EQ(parse_duration("1.5s"), 1500ms);
  EXPECT_EQ(parse_duration("50us"), 50us);
  EXPECT_EQ(parse_duration("2min"), 120s);
  EXPECT_EQ(parse_duration("20"), 20s);
  EXPECT_EQ(parse_duration("20", BareDuration::kMicroseconds), 20us);
  EXPECT_FALSE(parse_duration("20", BareDuration::kRefused));
  EXPECT_EQ(parse_duration("0", BareDuration::kRefused), 0s);
  EXPECT_FALSE(parse_duration("300000000000"));  // seconds, more than 64 bits of nanoseconds
}

TEST(Quantity, TextThatIsNoneIsRefused) {
  for (const char* text : {"", " ", "k", "fast", "-1", "-0.5k", "nan", "inf", "1e999", "0x10", "1 ",
                           "1  k", "1.2.3", "1,5", "5 s k", "+5"}) {
    EXPECT_FALSE(parse_count(text)) << text;
    EXPECT_FALSE(parse_bytes(text)) << text;
    EXPECT_FALSE(parse_rate(text)) << text;
    EXPECT_FALSE(parse_duration(text)) << text;
  }
}

TEST(Quantity, ExactDurationsAreReadBack) {
  for (const Duration duration :
       {Duration(0), Duration(1), Duration(1500), Duration(5ms), Duration(90s), Duration::max()}) {
    EXPECT_EQ(parse_duration(exact_duration(duration), BareDuration::kRefused), duration);
  }
  EXPECT_EQ(exact_duration(1500us), "1500us");
  EXPECT_EQ(exact_duration(2s), "2s");
}

}  // namespace
}  // namespace homa::base
