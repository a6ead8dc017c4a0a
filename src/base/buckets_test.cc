#include "base/buckets.h"

#include <gtest/gtest.h>

#include <cstdint>

namespace homa::base {
namespace {

TEST(Buckets, EachIsFollowedByTheNextAndHoldsItsLastValue) {
  for (const int precision : {2, 5, 10}) {
    const std::size_t last_bucket = bucket_of(~std::uint64_t{0}, precision);
    for (std::size_t bucket = 0; bucket < last_bucket; ++bucket) {
      const std::uint64_t last = last_of_bucket(bucket, precision);
      EXPECT_EQ(bucket_of(last, precision), bucket);
      EXPECT_EQ(bucket_of(last + 1, precision), bucket + 1);
    }
  }
}

TEST(Buckets, AreAsNarrowAsThePrecisionSays) {
  for (std::uint64_t value = 1; value < std::uint64_t{1} << 60; value = value * 3 + 1) {
    const std::uint64_t last = last_of_bucket(bucket_of(value, 5), 5);
    EXPECT_GE(last, value);
    EXPECT_LE(last - value, value / 32);
  }
}

TEST(Buckets, TheLargestValueHasOne) {
  const std::size_t bucket = bucket_of(~std::uint64_t{0}, 5);
  EXPECT_EQ(last_of_bucket(bucket, 5), ~std::uint64_t{0});
}

}  // namespace
}  // namespace homa::base
