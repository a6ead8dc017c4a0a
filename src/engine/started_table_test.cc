#include "engine/started_table.h"

#include <gtest/gtest.h>

namespace homa::engine {
namespace {

std::uint64_t handle(std::uint32_t slot) { return channel::make_handle(slot, 1); }

void add(StartedTable& table, std::uint32_t slot) {
  ASSERT_TRUE(table.reserve(slot));
  table.add({handle(slot), RpcId{slot}, Time{}, 100});
}

TEST(StartedTable, FindsWhatWasAdded) {
  StartedTable table;
  for (const std::uint32_t slot : {0U, 63U, 64U, 16'383U}) add(table, slot);
  for (const std::uint32_t slot : {0U, 63U, 64U, 16'383U}) {
    ASSERT_NE(table.find(handle(slot)), nullptr);
    EXPECT_EQ(table.find(handle(slot))->rpc, RpcId{slot});
    EXPECT_TRUE(table.in_use(slot));
  }
  EXPECT_EQ(table.find(channel::make_handle(0, 2)), nullptr) << "another one in the same slot";
  EXPECT_EQ(table.find(0), nullptr);
  EXPECT_EQ(table.find(~std::uint64_t{0}), nullptr);
  EXPECT_FALSE(table.in_use(1));
  EXPECT_FALSE(table.in_use(1 << 20));
}

TEST(StartedTable, ASlotThatWasRemovedIsFree) {
  StartedTable table;
  add(table, 5);
  table.remove(*table.find(handle(5)));
  EXPECT_EQ(table.find(handle(5)), nullptr);
  EXPECT_FALSE(table.in_use(5));
  add(table, 5);
  EXPECT_TRUE(table.in_use(5));
}

TEST(StartedTable, MemoryFollowsWhatIsInProgress) {
  StartedTable table;
  for (std::uint32_t slot = 0; slot < 16'384; ++slot) {
    add(table, slot);
    table.remove(*table.find(handle(slot)));
  }
  EXPECT_LE(table.slots(), 64U);
  for (std::uint32_t slot = 0; slot < 16'384; ++slot) EXPECT_TRUE(table.reserve(slot));
  EXPECT_LE(table.slots(), 64U) << "of requests that were refused";
  for (std::uint32_t slot = 0; slot < 10; ++slot) add(table, slot * 1'000);
  EXPECT_LE(table.slots(), 640U);
}

TEST(StartedTable, SaysHowManyItClears) {
  StartedTable table;
  for (std::uint32_t slot = 0; slot < 100; ++slot) add(table, slot);
  EXPECT_EQ(table.clear(), 100U);
  EXPECT_EQ(table.slots(), 0U);
  EXPECT_EQ(table.find(handle(7)), nullptr);
}

}  // namespace
}  // namespace homa::engine
