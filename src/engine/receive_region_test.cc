#include "engine/receive_region.h"

#include <gtest/gtest.h>

#include <array>
#include <set>

namespace homa::engine {
namespace {

using HeldBuffers = ReceiveRegion::HeldBuffers;

class ReceiveRegionTest : public ::testing::Test {
 protected:
  ReceiveRegion region_ = ReceiveRegion::create(1 << 20).value();
  HeldBuffers first_, second_;
};

TEST_F(ReceiveRegionTest, CopiesBytesToTheirPlace) {
  const std::array<std::byte, 3> bytes{std::byte{1}, std::byte{2}, std::byte{3}};
  region_.copy_in((1 << 20) - 3, bytes);
  EXPECT_EQ(region_.memory().bytes().back(), std::byte{3});
}

TEST_F(ReceiveRegionTest, NothingIsWrittenToMemoryThatWasTakenBack) {
  std::array<std::byte, 1024> memory{};
  ReceiveRegion others = ReceiveRegion::over(std::span(memory)).value();
  const std::array<std::byte, 1> one{std::byte{1}};
  others.copy_in(5, one);
  EXPECT_EQ(memory[5], std::byte{1});
  others.give({256, 10}, 1, first_);
  others.take_back();
  others.copy_in(6, one);
  EXPECT_EQ(memory[6], std::byte{0});
  EXPECT_EQ(others.take(256, 1, first_), 10U) << "what was given can still be given back";
}

TEST_F(ReceiveRegionTest, ABufferIsTakenOnceAndByItsHolderOnly) {
  region_.give({512, 100}, 1, first_);
  EXPECT_FALSE(region_.take(512, 2, second_));
  EXPECT_FALSE(region_.take(256, 1, first_));
  EXPECT_EQ(region_.take(512, 1, first_), 100U);
  EXPECT_FALSE(region_.take(512, 1, first_));
}

TEST_F(ReceiveRegionTest, AnyNumberMayBeAskedFor) {
  for (const std::uint64_t offset :
       {std::uint64_t{1}, std::uint64_t{1} << 20, ~std::uint64_t{0}, ~std::uint64_t{255}}) {
    EXPECT_FALSE(region_.take(offset, 1, first_)) << offset;
  }
}

TEST_F(ReceiveRegionTest, AChannelsBuffersAreFoundWithoutLookingAtOthers) {
  for (std::uint64_t i = 0; i < 10; ++i) {
    region_.give({i * 1'024, static_cast<std::uint32_t>(i + 1)}, i % 2 == 0 ? 1 : 2,
                 i % 2 == 0 ? first_ : second_);
  }
  EXPECT_EQ(region_.take(4 * 1'024, 1, first_), 5U) << "from the middle";
  EXPECT_EQ(region_.take(8 * 1'024, 1, first_), 9U) << "from an end";
  EXPECT_EQ(region_.take(0, 1, first_), 1U) << "from the other";
  std::set<std::uint64_t> offsets;
  while (const auto buffer = region_.take_any(1, first_)) {
    EXPECT_EQ(buffer->length, buffer->offset / 1'024 + 1);
    offsets.insert(buffer->offset);
  }
  EXPECT_EQ(offsets, (std::set<std::uint64_t>{2 * 1'024, 6 * 1'024}));
  EXPECT_TRUE(region_.take(1'024, 2, second_));
}

}  // namespace
}  // namespace homa::engine
