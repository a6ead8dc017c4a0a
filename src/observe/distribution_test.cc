#include "observe/distribution.h"

#include <gtest/gtest.h>

#include "base/buckets.h"

namespace homa::observe {
namespace {

Distribution of(std::initializer_list<std::uint64_t> values) {
  Distribution distribution;
  distribution.precision = 5;
  for (const std::uint64_t value : values) {
    const std::size_t bucket = base::bucket_of(value, 5);
    if (bucket >= distribution.counts.size()) distribution.counts.resize(bucket + 1);
    ++distribution.counts[bucket];
    distribution.sum += value;
  }
  return distribution;
}

TEST(Distribution, AnEmptyOneSaysZero) {
  EXPECT_EQ(Distribution{}.count(), 0U);
  EXPECT_EQ(Distribution{}.percentile(0.99), 0U);
  EXPECT_EQ(Distribution{}.mean(), 0);
}

TEST(Distribution, PercentilesAreOffByAtMostTheirBucket) {
  const Distribution some = of({10, 20, 30, 40'000});
  EXPECT_EQ(some.percentile(0.5), 20U);
  EXPECT_EQ(some.percentile(0.75), 30U);
  EXPECT_GE(some.percentile(1), 40'000U);
  EXPECT_LE(some.percentile(1), 41'250U);
  EXPECT_EQ(some.mean(), 10'015.0);
}

TEST(Distribution, TheDifferenceHasWhatCameBetween) {
  const Distribution between = of({5, 5, 7, 9'000}).since(of({5}));
  EXPECT_EQ(between.count(), 3U);
  EXPECT_EQ(between.sum, 5U + 7 + 9'000);
  EXPECT_EQ(between.percentile(0.5), 7U);
}

TEST(Distribution, AfterARestartOfTheEngineTheDifferenceIsNotNegative) {
  EXPECT_EQ(of({5}).since(of({5, 5, 7})).count(), 0U);
}

TEST(Distribution, TwoMakeOne) {
  Distribution both = of({1});
  both.add(of({1, 3'000}));
  EXPECT_EQ(both.count(), 3U);
  EXPECT_EQ(both.sum, 3'002U);
}

}  // namespace
}  // namespace homa::observe
