#include "core/memory_pressure.h"

#include <gtest/gtest.h>

namespace homa::core {
namespace {

using std::chrono::milliseconds;

constexpr std::uint64_t kUnlimited = QuotaShare::kUnlimited;

// 1,000 bytes, of which 100 are guaranteed to each of two accounts: 800 are common.
struct MemoryPressureTest : testing::Test {
  void SetUp() override {
    ASSERT_TRUE(pressure.join(hog, 100, kUnlimited, 2'000));
    ASSERT_TRUE(pressure.join(modest, 100, kUnlimited, 2'000));
  }
  static Time at(int ms) { return Time(milliseconds(ms)); }
  // The hog uses so many bytes of the common part, all for messages that it sends.
  void use(std::uint64_t common) {
    const std::uint64_t bytes = 100 + common;
    if (bytes > hog.share.used) pressure.sends(hog, bytes - hog.share.used);
    if (bytes < hog.share.used) pressure.sent(hog, hog.share.used - bytes);
  }

  MemoryPressure pressure{1'000};
  MemoryUse hog, modest;
};

TEST_F(MemoryPressureTest, LevelsDoNotEndWhereTheyBegin) {
  const struct {
    std::uint64_t common;
    PressureLevel level;
  } steps[] = {{599, PressureLevel::kNone},     {600, PressureLevel::kModerate},
               {400, PressureLevel::kModerate}, {399, PressureLevel::kNone},
               {599, PressureLevel::kNone},     {699, PressureLevel::kModerate},
               {700, PressureLevel::kHigh},     {600, PressureLevel::kHigh},
               {599, PressureLevel::kModerate}, {399, PressureLevel::kNone}};
  for (const auto& step : steps) {
    use(step.common);
    EXPECT_EQ(pressure.level(), step.level) << step.common;
  }
}

TEST_F(MemoryPressureTest, WithoutATotalNothingIsEverShort) {
  MemoryPressure none(kUnlimited);
  MemoryUse account;
  ASSERT_TRUE(none.join(account, 0, kUnlimited, 100));
  none.received(account, 1'000'000);
  EXPECT_EQ(none.level(), PressureLevel::kNone);
  EXPECT_TRUE(none.may_receive(account, 1'000'000));
  EXPECT_EQ(none.deadline(at(1)), kNever);
}

TEST_F(MemoryPressureTest, UnderPressureOnlyGuaranteedMemoryIsGivenToNewMessages) {
  use(600);
  EXPECT_FALSE(pressure.may_receive(hog, 1));
  EXPECT_TRUE(pressure.may_receive(modest, 100));
  EXPECT_FALSE(pressure.may_receive(modest, 101));
  EXPECT_TRUE(pressure.may_send(hog, 100)) << "sends are the last that is refused";
  EXPECT_FALSE(pressure.may_send(hog, 201)) << "there is no more";
  EXPECT_FALSE(pressure.retry());
  use(399);
  EXPECT_TRUE(pressure.retry());
  EXPECT_FALSE(pressure.retry()) << "once";
  EXPECT_TRUE(pressure.may_receive(hog, 401));
}

// A message that is larger than what is left waits, although the level is none.
TEST_F(MemoryPressureTest, WhoFoundNoRoomIsToldWhenThereIsSome) {
  use(500);
  EXPECT_FALSE(pressure.may_receive(hog, 301));
  EXPECT_FALSE(pressure.retry());
  pressure.sent(hog, 1);
  EXPECT_TRUE(pressure.retry());
}

TEST_F(MemoryPressureTest, MessagesAreDroppedOneByOneOncePressureHasBeenHighForAWhile) {
  EXPECT_FALSE(pressure.drop_due(at(0)));
  use(700);
  EXPECT_EQ(pressure.deadline(at(1)), at(1));
  EXPECT_FALSE(pressure.drop_due(at(1)));
  EXPECT_EQ(pressure.deadline(at(1)), at(1) + MemoryPressure::kPatience);
  EXPECT_FALSE(pressure.drop_due(at(20)));
  EXPECT_TRUE(pressure.drop_due(at(21)));
  EXPECT_FALSE(pressure.drop_due(at(22)));
  EXPECT_TRUE(pressure.drop_due(at(23)));
  use(500);
  EXPECT_FALSE(pressure.drop_due(at(25)));
  EXPECT_EQ(pressure.deadline(at(25)), kNever);
  use(700);
  EXPECT_FALSE(pressure.drop_due(at(26))) << "patience again";
}

TEST_F(MemoryPressureTest, SendsAreRefusedWhenThereIsNothingToDrop) {
  use(700);
  EXPECT_TRUE(pressure.may_send(hog, 1));
  pressure.found_none();
  EXPECT_FALSE(pressure.may_send(hog, 1));
  EXPECT_TRUE(pressure.may_send(modest, 100));
  EXPECT_FALSE(pressure.may_send(modest, 101)) << "that would be beyond";
  use(599);
  EXPECT_TRUE(pressure.may_send(hog, 1));
}

TEST_F(MemoryPressureTest, AnAccountThatLeavesGivesAllBack) {
  pressure.received(hog, 1'500);
  EXPECT_EQ(pressure.level(), PressureLevel::kHigh);
  EXPECT_TRUE(pressure.crowded());
  pressure.leave(hog);
  EXPECT_EQ(pressure.level(), PressureLevel::kNone);
  EXPECT_FALSE(pressure.crowded());
  EXPECT_EQ(pressure.receive_bytes(), 0U);
  EXPECT_EQ(pressure.quota().guaranteed(), 100U);
}

TEST_F(MemoryPressureTest, APoolIsCrowdedWhenMoreThanHalfOfItIsUsed) {
  pressure.received(modest, 1'000);
  EXPECT_FALSE(pressure.crowded());
  pressure.received(modest, 1);
  EXPECT_TRUE(pressure.crowded());
  pressure.released(modest, 1);
  EXPECT_FALSE(pressure.crowded());
}

TEST_F(MemoryPressureTest, ATotalThatShrinksMeansPressureAtOnce) {
  use(300);
  pressure.set_total(400);
  EXPECT_EQ(pressure.level(), PressureLevel::kHigh);
  pressure.set_total(kUnlimited);
  EXPECT_EQ(pressure.level(), PressureLevel::kNone);
}

}  // namespace
}  // namespace homa::core
