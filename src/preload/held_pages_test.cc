#include "preload/held_pages.h"

#include <gtest/gtest.h>

#include <vector>

namespace homa::preload {
namespace {

constexpr std::uint32_t kPage = HOMA_BPAGE_SIZE;

class HeldPagesTest : public ::testing::Test {
 protected:
  PageList hold(std::uint64_t offset, std::uint32_t bytes) {
    PageList pages;
    last_ = held_.hold(offset, bytes, pages);
    return pages;
  }
  bool give_back(const std::vector<std::uint32_t>& offsets) {
    returned_.clear();
    const auto returned = held_.give_back(offsets);
    if (!returned) return false;
    returned_.assign(returned->messages, returned->messages + returned->count);
    return true;
  }

  HeldPages held_ = HeldPages::create(64 * kPage).value();
  std::uint32_t last_ = 0;
  std::vector<std::uint32_t> returned_;
};

TEST_F(HeldPagesTest, AMessageIsTheBpagesThatItCovers) {
  EXPECT_EQ(hold(256, 100).count, 1U);
  const PageList two = hold(4 * kPage, kPage + 1);
  EXPECT_EQ(two.count, 2U);
  EXPECT_EQ(two.offsets[0], 4 * kPage);
  EXPECT_EQ(two.offsets[1], 5 * kPage);
  EXPECT_EQ(hold(8 * kPage, kPage).count, 1U);
  EXPECT_EQ(hold(16 * kPage, HOMA_MAX_MESSAGE_LENGTH).count, HOMA_MAX_BPAGES + 0U);
}

TEST_F(HeldPagesTest, AMessageIsGivenBackWithItsLastPart) {
  const PageList pages = hold(4 * kPage, 2 * kPage + 1);
  const std::uint32_t message = last_;
  hold(0, 10);
  EXPECT_TRUE(give_back({pages.offsets[2]}));
  EXPECT_TRUE(returned_.empty());
  EXPECT_TRUE(give_back({0, pages.offsets[0]}));
  EXPECT_EQ(returned_, std::vector<std::uint32_t>{last_});
  EXPECT_TRUE(give_back({pages.offsets[1]}));
  EXPECT_EQ(returned_, std::vector<std::uint32_t>{message});
  EXPECT_EQ(held_.held_bytes(), 0U);
}

TEST_F(HeldPagesTest, WhatIsNotThePrograms) {
  hold(0, 3 * kPage);
  EXPECT_FALSE(give_back({kPage + 256})) << "nothing begins there";
  EXPECT_FALSE(give_back({kPage + 1}));
  EXPECT_FALSE(give_back({63 * kPage}));
  EXPECT_FALSE(give_back({0xffffff00}));
  EXPECT_FALSE(give_back({0, kPage, 0})) << "the same twice";
  EXPECT_EQ(held_.held_bytes(), 3 * kPage);
  EXPECT_TRUE(give_back({0, kPage, 2 * kPage})) << "a call that failed took nothing";
  EXPECT_EQ(returned_.size(), 1U);
  EXPECT_FALSE(give_back({0}));
}

TEST_F(HeldPagesTest, NumbersAreUsedAgain) {
  hold(0, 10);
  const std::uint32_t first = last_;
  ASSERT_TRUE(give_back({0}));
  hold(512, 10);
  EXPECT_EQ(last_, first);
}

}  // namespace
}  // namespace homa::preload
