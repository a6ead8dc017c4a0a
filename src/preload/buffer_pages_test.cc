#include "preload/buffer_pages.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <vector>

#include "support/random.h"

namespace homa::preload {
namespace {

constexpr std::uint32_t kPage = HOMA_BPAGE_SIZE;

std::span<const std::uint32_t> all(const PageList& pages) { return {pages.offsets, pages.count}; }

TEST(BufferPages, AllButTheLastPartAreWholeAlignedPages) {
  BufferPages pages(std::uint64_t{64} * kPage);
  const auto longest = pages.allocate(HOMA_MAX_MESSAGE_LENGTH);
  ASSERT_TRUE(longest);
  EXPECT_EQ(longest->count, 16U);
  for (std::uint32_t i = 0; i < 15; ++i) EXPECT_EQ(longest->offsets[i] % kPage, 0U);
  const auto whole = pages.allocate(2 * kPage);
  ASSERT_TRUE(whole);
  EXPECT_EQ(whole->count, 2U);
}

TEST(BufferPages, ShortMessagesShareAPageThatIsFreeWhenAllWereGivenBack) {
  BufferPages pages(std::uint64_t{2} * kPage);
  std::vector<PageList> small;
  for (int i = 0; i < 600; ++i) small.push_back(pages.allocate(100).value());
  EXPECT_EQ(pages.free_bytes(), 0U);
  EXPECT_FALSE(pages.allocate(kPage));
  std::reverse(small.begin(), small.end());
  for (const PageList& list : small) EXPECT_TRUE(pages.give_back(all(list)));
  EXPECT_EQ(pages.free_bytes(), std::uint64_t{2} * kPage);
  EXPECT_TRUE(pages.allocate(2 * kPage));
}

TEST(BufferPages, WhatIsNotHandedOutIsNotTakenBack) {
  BufferPages pages(std::uint64_t{4} * kPage + 17);
  const auto one = pages.allocate(kPage);
  const std::uint32_t nonsense[] = {one->offsets[0], 5 * kPage};
  EXPECT_FALSE(pages.give_back(nonsense));
  const std::uint32_t twice[] = {one->offsets[0], one->offsets[0]};
  EXPECT_FALSE(pages.give_back(twice));
  EXPECT_TRUE(pages.give_back(all(*one))) << "a call that was refused took nothing";
  EXPECT_FALSE(pages.give_back(all(*one)));
}

TEST(BufferPages, TheWholeRegionCanBeUsedAgainAndAgain) {
  BufferPages pages(std::uint64_t{16} * kPage);
  EXPECT_TRUE(pages.can_hold(16 * kPage - 1));
  for (int i = 0; i < 100; ++i) {
    const auto list = pages.allocate(1'000'000);
    ASSERT_TRUE(list);
    EXPECT_FALSE(pages.allocate(kPage));
    ASSERT_TRUE(pages.give_back(all(*list)));
  }
  EXPECT_FALSE(BufferPages(std::uint64_t{3} * kPage).can_hold(3 * kPage + 1));
}

// Random messages held in a window: no two parts overlap, and nothing is lost at the end.
TEST(BufferPages, PartsNeverOverlap) {
  test::Random random(7);
  BufferPages pages(std::uint64_t{40} * kPage);
  struct Held {
    PageList list;
    std::uint32_t bytes;
  };
  std::deque<Held> held;
  constexpr std::uint32_t kUnit = 64;  // parts begin at multiples of it
  std::vector<bool> used(40 * kPage / kUnit);
  const auto mark = [&](const Held& message, bool value) {
    std::uint32_t left = message.bytes;
    for (const std::uint32_t offset : all(message.list)) {
      const std::uint32_t part = std::min(left, kPage);
      for (std::uint32_t at = offset / kUnit; at < (offset + part + kUnit - 1) / kUnit; ++at) {
        ASSERT_NE(used[at], value);
        used[at] = value;
      }
      left -= part;
    }
    ASSERT_EQ(left, 0U);
  };
  for (int i = 0; i < 3'000; ++i) {
    const std::uint32_t bytes =
        1 + static_cast<std::uint32_t>(random.below(i % 3 == 0 ? 400'000 : 900));
    const auto list = pages.allocate(bytes);
    if (list) {
      held.push_back({*list, bytes});
      mark(held.back(), true);
    }
    if (!list || held.size() > 30) {
      mark(held.front(), false);
      ASSERT_TRUE(pages.give_back(all(held.front().list)));
      held.pop_front();
    }
  }
  for (const Held& message : held) ASSERT_TRUE(pages.give_back(all(message.list)));
  EXPECT_EQ(pages.free_bytes(), std::uint64_t{40} * kPage);
}

}  // namespace
}  // namespace homa::preload
