#include "base/region_allocator.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <vector>

namespace homa::base {
namespace {

TEST(RegionAllocator, RefusesMoreThanThereIs) {
  RegionAllocator region(1024);
  EXPECT_FALSE(region.allocate(0));
  EXPECT_FALSE(region.allocate(1025));
  EXPECT_TRUE(region.allocate(1024));
  EXPECT_FALSE(region.allocate(1));
}

TEST(RegionAllocator, KnowsWhetherThereIsRoom) {
  RegionAllocator region(1 << 20);
  EXPECT_TRUE(region.has_room(1 << 20));
  EXPECT_FALSE(region.has_room((1 << 20) + 1));
  std::mt19937_64 random(1);
  std::vector<std::uint64_t> held;
  for (int i = 0; i < 20'000; ++i) {
    const std::uint64_t bytes = 1 + random() % (std::uint64_t{1} << (random() % 19));
    const bool room = region.has_room(bytes);
    const auto block = region.allocate(bytes);
    ASSERT_EQ(room, block.has_value()) << bytes;
    if (block) held.push_back(*block);
    while (!held.empty() && (!block || random() % 3 == 0)) {
      std::swap(held[random() % held.size()], held.back());
      ASSERT_TRUE(region.free(held.back()));
      held.pop_back();
      if (random() % 2 == 0) break;
    }
  }
}

TEST(RegionAllocator, RefusesToFreeWhatItNeverGave) {
  RegionAllocator region(1 << 20);
  const auto block = region.allocate(1000);
  ASSERT_TRUE(block);
  EXPECT_FALSE(region.free(*block + 256, 1000));
  EXPECT_FALSE(region.free(*block, 5000));
  EXPECT_FALSE(region.free(*block + 1, 1000));
  EXPECT_FALSE(region.free(1ULL << 60, 1000));
  EXPECT_TRUE(region.free(*block, 1000));
  EXPECT_FALSE(region.free(*block, 1000)) << "freed twice";
}

TEST(RegionAllocator, KnowsTheSizeOfItsBlocks) {
  RegionAllocator region(1 << 20);
  const auto block = region.allocate(5'000);
  ASSERT_TRUE(block);
  EXPECT_FALSE(region.free(*block + RegionAllocator::kUnit));
  EXPECT_FALSE(region.free(*block + 1));
  EXPECT_FALSE(region.free(~std::uint64_t{0}));
  EXPECT_TRUE(region.free(*block));
  EXPECT_FALSE(region.free(*block)) << "freed twice";
  EXPECT_EQ(region.used(), 0U);
}

TEST(RegionAllocator, LittleUseStaysAtTheBeginning) {
  RegionAllocator region(std::uint64_t{1} << 30);
  for (const std::uint64_t bytes : {100U, 9'000U, 300U, 20'000U}) {
    const auto block = region.allocate(bytes);
    ASSERT_TRUE(block);
    EXPECT_LT(*block, 128U << 10);
  }
}

TEST(RegionAllocator, SmallBlocksThatWereFreedDoNotDivideTheRegion) {
  RegionAllocator region(1 << 20);
  std::vector<std::uint64_t> blocks;
  for (int i = 0; i < 100; ++i) blocks.push_back(region.allocate(3'000).value());
  for (const std::uint64_t block : blocks) ASSERT_TRUE(region.free(block));
  EXPECT_TRUE(region.allocate(1 << 20));
}

TEST(RegionAllocator, BlocksNeverOverlapAndAllComesBack) {
  constexpr std::uint64_t kRegion = 3 << 20;  // no power of two
  RegionAllocator region(kRegion);
  std::mt19937_64 random(7);
  std::map<std::uint64_t, std::uint64_t> live;
  for (int step = 0; step < 20'000; ++step) {
    if (random() % 2 == 0 || live.empty()) {
      const std::uint64_t bytes = 1 + random() % (random() % 8 == 0 ? 200'000 : 3'000);
      const auto offset = region.allocate(bytes);
      if (!offset) continue;
      ASSERT_LE(*offset + bytes, kRegion);
      const auto after = live.lower_bound(*offset);
      if (after != live.end()) {
        ASSERT_LE(*offset + bytes, after->first);
      }
      if (after != live.begin()) {
        const auto before = std::prev(after);
        ASSERT_LE(before->first + before->second, *offset);
      }
      live[*offset] = bytes;
    } else {
      auto victim = live.lower_bound(random() % kRegion);
      if (victim == live.end()) victim = live.begin();
      ASSERT_TRUE(region.free(victim->first, victim->second));
      live.erase(victim);
    }
  }
  for (const auto& [offset, bytes] : live) ASSERT_TRUE(region.free(offset, bytes));
  EXPECT_EQ(region.used(), 0U);
  EXPECT_TRUE(region.allocate(2 << 20)) << "free blocks did not join again";
}

// All that a pass has to give back.
std::vector<RegionAllocator::Range> pass(RegionAllocator& region) {
  std::vector<RegionAllocator::Range> ranges;
  region.begin_pass();
  while (!region.pass_over()) {
    if (const auto range = region.next_unused(1 << 20, 16)) ranges.push_back(*range);
  }
  return ranges;
}

std::uint64_t bytes_of(const std::vector<RegionAllocator::Range>& ranges) {
  std::uint64_t bytes = 0;
  for (const auto& range : ranges) bytes += range.bytes;
  return bytes;
}

TEST(RegionAllocator, MemoryThatWasFreeForAPassIsGivenBackOnce) {
  RegionAllocator region(16 << 20);
  std::vector<std::uint64_t> burst;
  for (int i = 0; i < 16; ++i) burst.push_back(*region.allocate(1 << 20));
  EXPECT_EQ(bytes_of(pass(region)), 0U);
  for (const std::uint64_t block : burst) ASSERT_TRUE(region.free(block));
  EXPECT_FALSE(region.settled());
  EXPECT_EQ(bytes_of(pass(region)), 0U) << "it may be used again at once";
  const auto ranges = pass(region);
  EXPECT_EQ(bytes_of(ranges), 16U << 20);
  for (const auto& range : ranges) EXPECT_LE(range.bytes, 1U << 20);
  EXPECT_TRUE(region.settled());
  EXPECT_EQ(bytes_of(pass(region)), 0U);
}

TEST(RegionAllocator, SmallBlocksThatWaitToBeUsedAgainKeepNoPages) {
  RegionAllocator region(4 << 20);
  std::vector<std::uint64_t> burst;
  for (int i = 0; i < 512; ++i) burst.push_back(*region.allocate(8 << 10));
  for (const std::uint64_t block : burst) ASSERT_TRUE(region.free(block));
  EXPECT_EQ(bytes_of(pass(region)), 0U);
  EXPECT_EQ(bytes_of(pass(region)), 4U << 20);
  EXPECT_TRUE(region.settled());
}

TEST(RegionAllocator, MemoryInUseIsNotGivenBackAndHoldsNothingElseBack) {
  RegionAllocator region(16 << 20);
  std::vector<std::uint64_t> burst;
  for (int i = 0; i < 16; ++i) burst.push_back(*region.allocate(1 << 20));
  const std::uint64_t kept = burst[11];
  for (const std::uint64_t block : burst) {
    if (block != kept) {
      ASSERT_TRUE(region.free(block));
    }
  }
  pass(region);
  std::uint64_t bytes = 0;
  for (const auto& range : pass(region)) {
    EXPECT_TRUE(range.offset + range.bytes <= kept || range.offset >= kept + (1 << 20));
    bytes += range.bytes;
  }
  EXPECT_EQ(bytes, 15U << 20);
  // What is used again later is given back again later.
  ASSERT_TRUE(region.free(*region.allocate(1 << 20)));
  pass(region);
  EXPECT_EQ(bytes_of(pass(region)), 1U << 20);
}

TEST(RegionAllocator, MemoryThatIsUsedInEveryPassStays) {
  RegionAllocator region(16 << 20);
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(region.free(*region.allocate(1 << 20)));
    EXPECT_EQ(bytes_of(pass(region)), 0U);
  }
}

TEST(RegionAllocator, AStepOfAPassLooksAtAFewSlabsOnly) {
  RegionAllocator region(64 << 20);
  const auto first = region.allocate(60 << 20);
  ASSERT_TRUE(region.free(*first));
  ASSERT_TRUE(region.free(*region.allocate(60 << 20)));
  const auto kept = region.allocate(32 << 20);  // 128 slabs
  ASSERT_TRUE(kept);
  pass(region);
  region.begin_pass();
  std::size_t steps = 0;
  while (!region.next_unused(1, 8)) ++steps;
  EXPECT_EQ(steps, 15U);
}

}  // namespace
}  // namespace homa::base
