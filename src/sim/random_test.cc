#include "sim/random.h"

#include <gtest/gtest.h>

#include <array>
#include <set>

namespace homa::sim {
namespace {

TEST(Random, NumbersBelowALimitAreEquallyLikely) {
  Random random(1);
  std::array<int, 7> drawn{};
  for (int i = 0; i < 7'000; ++i) ++drawn[random.below(7)];
  for (const int count : drawn) EXPECT_NEAR(count, 1'000, 150);
  EXPECT_EQ(random.below(1), 0U);
  EXPECT_EQ(random.below(0), 0U);
}

TEST(Random, ExponentialTimesHaveTheirMean) {
  Random random(2);
  double sum = 0;
  for (int i = 0; i < 20'000; ++i) {
    const SimTime time = random.exponential(1e6);
    ASSERT_GE(time, SimTime::zero());
    sum += static_cast<double>(time.count());
  }
  EXPECT_NEAR(sum / 20'000, 1e6, 3e4);
}

TEST(DerivedSeed, DiffersByStreamAndBySeed) {
  std::set<std::uint64_t> seeds;
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    for (std::uint64_t stream = 0; stream < 10; ++stream) seeds.insert(derived_seed(seed, stream));
  }
  EXPECT_EQ(seeds.size(), 100U);
}

}  // namespace
}  // namespace homa::sim
