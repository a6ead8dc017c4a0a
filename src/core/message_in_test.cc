#include "core/message_in.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace homa::core {
namespace {

using Added = MessageIn::Added;

TEST(MessageIn, TakesBytesInOrderWithoutGaps) {
  MessageIn in;
  in.start(3000);
  EXPECT_EQ(in.add({0, 1424}), Added::kNew);
  EXPECT_EQ(in.add({1424, 3000}), Added::kNew);
  EXPECT_TRUE(in.complete());
  EXPECT_TRUE(in.gaps().empty());
}

TEST(MessageIn, AHoleIsAGapUntilItIsFilled) {
  MessageIn in;
  in.start(100);
  EXPECT_EQ(in.add({60, 80}), Added::kNew);
  ASSERT_EQ(in.gaps().size(), 1U);
  EXPECT_EQ(in.gaps()[0].begin, 0U);
  EXPECT_EQ(in.gaps()[0].end, 60U);
  EXPECT_EQ(in.add({20, 40}), Added::kNew);
  ASSERT_EQ(in.gaps().size(), 2U);
  EXPECT_EQ(in.add({0, 60}), Added::kNew) << "overlaps what is here, brings what is not";
  EXPECT_TRUE(in.gaps().empty());
  EXPECT_EQ(in.received(), 80U);
  EXPECT_EQ(in.add({10, 80}), Added::kDuplicate);
  EXPECT_EQ(in.add({70, 100}), Added::kNew);
  EXPECT_TRUE(in.complete());
}

TEST(MessageIn, RefusesASenderWhoLeavesHolesWithoutBound) {
  MessageIn in;
  in.start(1'000'000);
  std::uint32_t at = 1;
  for (std::size_t i = 0; i < MessageIn::kGapsMax; ++i, at += 2) {
    ASSERT_EQ(in.add({at, at + 1}), Added::kNew);
  }
  EXPECT_EQ(in.add({at, at + 1}), Added::kTooManyGaps);
  EXPECT_EQ(in.add({0, 1}), Added::kNew) << "filling a gap always works";
}

TEST(MessageIn, AgreesWithABitmapOnRandomRanges) {
  std::mt19937 random(3);
  const auto below = [&](std::uint32_t limit) {
    return static_cast<std::uint32_t>(random() % limit);
  };
  for (int round = 0; round < 300; ++round) {
    const std::uint32_t length = 1 + below(400);
    MessageIn in;
    in.start(length);
    std::vector<bool> here(length);
    for (int step = 0; step < 60; ++step) {
      const std::uint32_t begin = below(length);
      const std::uint32_t end = begin + 1 + below(length - begin);
      const auto before = std::count(here.begin(), here.end(), true);
      for (std::uint32_t i = begin; i < end; ++i) here[i] = true;
      const auto after = std::count(here.begin(), here.end(), true);
      ASSERT_EQ(in.add({begin, end}), after > before ? Added::kNew : Added::kDuplicate);
      ASSERT_EQ(in.received(), static_cast<std::uint32_t>(after));
      std::uint32_t missing_below_end = 0;
      for (const ByteRange& gap : in.gaps()) {
        for (std::uint32_t i = gap.begin; i < gap.end; ++i) ASSERT_FALSE(here[i]);
        missing_below_end += gap.size();
      }
      ASSERT_EQ(in.end() - missing_below_end, in.received());
    }
  }
}

}  // namespace
}  // namespace homa::core
