#include "core/hidden_order.h"

#include <gtest/gtest.h>

#include <bit>
#include <set>

namespace homa::core {
namespace {

TEST(HiddenOrder, NoNumberComesTwice) {
  const HiddenOrder order(0x123456789abcdef);
  std::set<std::uint64_t> places;
  for (std::uint64_t number = 0; number < 100'000; ++number) {
    const std::uint64_t place = order.place_of((1ULL << 40) + number);
    EXPECT_EQ(place >> HiddenOrder::kBits, 0U);
    EXPECT_TRUE(places.insert(place).second) << number;
  }
}

TEST(HiddenOrder, OneNumberSaysNothingAboutTheNext) {
  const HiddenOrder order(7);
  int bits = 0;
  constexpr int kPairs = 1'000;
  for (std::uint64_t number = 0; number < kPairs; ++number) {
    bits += std::popcount(order.place_of(number) ^ order.place_of(number + 1));
  }
  EXPECT_NEAR(static_cast<double>(bits) / kPairs, HiddenOrder::kBits / 2.0, 1.0);
}

TEST(HiddenOrder, AnotherKeyGivesAnotherOrder) {
  int same = 0;
  for (std::uint64_t number = 0; number < 1'000; ++number) {
    same += HiddenOrder(1).place_of(number) == HiddenOrder(2).place_of(number) ? 1 : 0;
  }
  EXPECT_LE(same, 1);
}

}  // namespace
}  // namespace homa::core
