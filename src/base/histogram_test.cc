#include "base/histogram.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

namespace homa::base {
namespace {

TEST(Histogram, AnEmptyOneSaysZero) {
  const Histogram histogram;
  EXPECT_EQ(histogram.count(), 0U);
  EXPECT_EQ(histogram.min(), 0U);
  EXPECT_EQ(histogram.max(), 0U);
  EXPECT_EQ(histogram.mean(), 0.0);
  EXPECT_EQ(histogram.percentile(0.99), 0U);
}

TEST(Histogram, SmallValuesAreExact) {
  Histogram histogram;
  for (std::uint64_t value = 1; value <= 1000; ++value) histogram.add(value);
  EXPECT_EQ(histogram.percentile(0), 1U);
  EXPECT_EQ(histogram.percentile(0.5), 500U);
  EXPECT_EQ(histogram.percentile(0.99), 990U);
  EXPECT_EQ(histogram.percentile(0.999), 999U);
  EXPECT_EQ(histogram.percentile(1), 1000U);
  EXPECT_EQ(histogram.mean(), 500.5);
}

// Against the values themselves, sorted, over eighteen powers of ten.
TEST(Histogram, PercentilesAreWithinOnePartInAThousandAndTwentyFour) {
  Histogram histogram;
  std::vector<std::uint64_t> values;
  std::mt19937_64 random(7);
  for (int i = 0; i < 20'000; ++i) {
    const double exponent = static_cast<double>(random() >> 11) * 0x1p-53 * 18;
    values.push_back(static_cast<std::uint64_t>(std::pow(10.0, exponent)));
    histogram.add(values.back());
  }
  std::sort(values.begin(), values.end());
  for (const double share : {0.0, 0.001, 0.1, 0.5, 0.9, 0.99, 0.999, 1.0}) {
    const auto rank = static_cast<std::size_t>(
        std::max(1.0, std::ceil(share * static_cast<double>(values.size()))));
    const auto exact = static_cast<double>(values[rank - 1]);
    const auto found = static_cast<double>(histogram.percentile(share));
    EXPECT_GE(found, exact) << share;
    EXPECT_LE(found, exact * (1 + 1.0 / 1024)) << share;
  }
  EXPECT_EQ(histogram.min(), values.front());
  EXPECT_EQ(histogram.max(), values.back());
}

TEST(Histogram, TheLargestValueThereIsFits) {
  Histogram histogram;
  histogram.add(~std::uint64_t{0});
  histogram.add(0);
  EXPECT_EQ(histogram.percentile(1), ~std::uint64_t{0});
  EXPECT_EQ(histogram.percentile(0.5), 0U);
}

TEST(Histogram, TwoTogetherAreAsIfRecordedInOne) {
  Histogram one, other, both;
  for (std::uint64_t value = 0; value < 5000; value += 7) {
    (value % 2 == 0 ? one : other).add(value * value, 3);
    both.add(value * value, 3);
  }
  one.add(other);
  EXPECT_EQ(one.count(), both.count());
  EXPECT_EQ(one.mean(), both.mean());
  for (const double share : {0.1, 0.5, 0.99}) {
    EXPECT_EQ(one.percentile(share), both.percentile(share));
  }
}

}  // namespace
}  // namespace homa::base
