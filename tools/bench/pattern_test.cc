#include "tools/bench/pattern.h"

#include <gtest/gtest.h>

namespace homa::tools {
namespace {

TEST(BenchPattern, TheFirstByteIsTheTag) {
  const BenchPattern pattern(10'000);
  for (int tag = 0; tag < 256; ++tag) {
    const auto message = pattern.message(static_cast<std::uint8_t>(tag), 10'000);
    ASSERT_EQ(message.size(), 10'000U);
    EXPECT_EQ(message.front(), static_cast<std::byte>(tag));
    EXPECT_TRUE(pattern.matches(static_cast<std::uint8_t>(tag), 0, message));
  }
}

TEST(BenchPattern, SeesOneWrongByteAMovedPartAndAnotherMessage) {
  const BenchPattern pattern(10'000);
  const auto message = pattern.message(5, 10'000);
  std::vector<std::byte> copy(message.begin(), message.end());
  copy[9'999] ^= std::byte{1};
  EXPECT_FALSE(pattern.matches(5, 0, copy));
  EXPECT_TRUE(pattern.matches(5, 1'424, message.subspan(1'424, 1'424)));
  EXPECT_FALSE(pattern.matches(5, 1'424, message.subspan(2'848, 1'424)));
  EXPECT_FALSE(pattern.matches(6, 0, message));
}

TEST(BenchPattern, NothingMatchesPastTheLimit) {
  const BenchPattern pattern(100);
  const std::vector<std::byte> bytes(50);
  EXPECT_FALSE(pattern.matches(0, 60, bytes));
  EXPECT_FALSE(pattern.matches(0, 1'000, {}));
}

}  // namespace
}  // namespace homa::tools
