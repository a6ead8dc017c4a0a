#include "core/memory_zones.h"

#include <gtest/gtest.h>

#include <vector>

namespace homa::core {
namespace {

constexpr std::uint32_t kLongest = 1'000'000;
constexpr std::uint64_t kArea = 1 << 20;

// As many messages as the class finds room for, in all its zones.
std::vector<std::uint64_t> fill(MemoryZones& zones, std::uint32_t length) {
  std::vector<std::uint64_t> offsets;
  for (const std::uint8_t zone : zones.choice(zones.class_of(MemoryZones::block_bytes(length)))) {
    if (zone == MemoryZones::kNone) break;
    while (const auto offset = zones.allocate(zone, length)) offsets.push_back(*offset);
  }
  return offsets;
}

TEST(MemoryZones, SmallMemoryIsOneZoneForAll) {
  MemoryZones zones(4 * kArea, kLongest);
  EXPECT_EQ(zones.zones(), 1U);
  EXPECT_EQ(fill(zones, kLongest).size(), 4U);
  EXPECT_EQ(zones.used(), 4 * kArea);
}

TEST(MemoryZones, ZonesCoverTheMemoryAndDoNotOverlap) {
  MemoryZones zones(64 * kArea, kLongest);
  std::uint64_t sum = 0;
  for (std::size_t zone = 0; zone < zones.zones(); ++zone) sum += zones.capacity(zone);
  EXPECT_GT(sum, 63 * kArea);
  EXPECT_LE(sum, 64 * kArea);
  std::vector<bool> taken(64 * kArea / 4096);
  for (const std::uint32_t length : {kLongest, 300'000U, 100'000U, 10'000U}) {
    for (const std::uint64_t offset : fill(zones, length)) {
      for (std::uint64_t at = offset; at < offset + length; at += 4096) {
        EXPECT_FALSE(taken[at / 4096]);
        taken[at / 4096] = true;
      }
    }
  }
}

// An application may keep any messages for ever. Of what it gives back, every length finds room.
TEST(MemoryZones, NoPatternOfHolesKeepsALengthOut) {
  for (const std::uint32_t kept : {100U, 2'000U, 16'000U, 60'000U, 120'000U, 250'000U, 500'000U}) {
    MemoryZones zones(64 * kArea, kLongest);
    std::vector<std::uint64_t> offsets = fill(zones, kept);
    // One message stays in every area that it could reach: the worst pattern.
    std::vector<bool> area_has_one(64);
    for (const std::uint64_t offset : offsets) {
      if (!area_has_one[offset / kArea]) {
        area_has_one[offset / kArea] = true;
      } else {
        ASSERT_NE(MemoryZones::kNone, zones.free(offset, kept));
      }
    }
    for (const std::uint32_t length : {900U, 30'000U, 100'000U, 200'000U, 400'000U, 900'000U}) {
      const auto found = fill(zones, length);
      EXPECT_GE(found.size(), 8U) << kept << " " << length;
      for (const std::uint64_t offset : found)
        ASSERT_NE(MemoryZones::kNone, zones.free(offset, length));
    }
  }
}

TEST(MemoryZones, ShortMessagesHaveAZoneOfTheirOwn) {
  MemoryZones zones(64 * kArea, kLongest);
  for (const std::uint32_t length : {900'000U, 500'000U, 200'000U, 100'000U, 50'000U, 20'000U}) {
    fill(zones, length);
  }
  EXPECT_EQ(fill(zones, 1'000).size(), 8 * kArea / 1'024);
}

TEST(MemoryZones, ThePlaceOfOneUnitIsThatOfItsClass) {
  for (const std::uint32_t longest : {100U, 1'000U, 10'000U, 1'000'000U}) {
    for (const std::uint64_t bytes : {4U << 10, 1U << 20, 64U << 20}) {
      const MemoryZones zones(bytes, longest);
      const unsigned message_class = zones.class_of(MemoryZones::block_bytes(1));
      EXPECT_EQ(zones.unit_class(), message_class);
      EXPECT_EQ(zones.unit_zone(), zones.choice(message_class)[0]) << longest << " of " << bytes;
    }
  }
}

TEST(MemoryZones, WhatIsNoBufferIsNotFreed) {
  MemoryZones zones(64 * kArea, kLongest);
  EXPECT_EQ(MemoryZones::kNone, zones.free(0, 1'000));
  EXPECT_EQ(MemoryZones::kNone, zones.free(~0ULL, 1'000));
  const auto offset = zones.allocate(zones.choice(0)[0], kLongest);
  ASSERT_TRUE(offset);
  EXPECT_EQ(MemoryZones::kNone, zones.free(*offset + 256, kLongest));
  EXPECT_EQ(MemoryZones::kNone, zones.free(*offset, 1'000));
  EXPECT_NE(MemoryZones::kNone, zones.free(*offset, kLongest));
  EXPECT_EQ(MemoryZones::kNone, zones.free(*offset, kLongest));
}

}  // namespace
}  // namespace homa::core
