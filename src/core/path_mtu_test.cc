#include "core/path_mtu.h"

#include <gtest/gtest.h>

namespace homa::core {
namespace {

constexpr Duration kApart{5'000'000};
constexpr std::uint32_t kLong = 100'000;

// A peer behind a network that carries packets of up to `width` bytes of payload.
class Path {
 public:
  explicit Path(std::uint32_t limit, std::uint32_t width) : width_(width) { mtu.set_limit(limit); }
  // Sends a message as an endpoint would, until it arrives; returns how many rounds of questions
  // that took.
  int send() {
    std::uint32_t size = mtu.begin_message(now, kLong);
    int rounds = 0;
    while (size > width_) {
      ++rounds;
      now += kApart;
      if (mtu.asked_again(now, kApart, size)) size = mtu.payload();
    }
    mtu.arrived(size);
    now += Duration(1'000'000);
    return rounds;
  }
  PathMtu mtu;
  Time now{Duration(1'000'000'000)};

 private:
  std::uint32_t width_;
};

TEST(PathMtu, TheLimitIsUsedAndNothingIsTriedWhereItPasses) {
  Path path(1'412, 1'412);
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(path.send(), 0);
  EXPECT_EQ(path.mtu.payload(), 1'412U);
}

TEST(PathMtu, ASilentNarrowNetworkIsFoundOutAndUsedFully) {
  for (const std::uint32_t width : {1'400U, 1'352U, 1'290U, 1'172U, 8'000U}) {
    Path path(width > 1'412 ? 8'912 : 1'412, width);
    int rounds = path.send();
    EXPECT_EQ(rounds, width == 1'412 ? 0 : 3) << width;
    for (int i = 0; i < 50; ++i) rounds += path.send();
    EXPECT_LE(path.mtu.payload(), width);
    EXPECT_GE(path.mtu.payload(), width - 16) << width;
    EXPECT_LE(rounds, 3 + 2 * 10) << "each size is tried twice at most";
  }
}

TEST(PathMtu, AVeryNarrowNetworkGetsTheSmallestSize) {
  Path path(1'412, 500);
  EXPECT_EQ(path.send(), 5) << "three rounds, and two more when nothing has arrived since";
  EXPECT_EQ(path.mtu.payload(), 468U);
}

TEST(PathMtu, RoundsThatComeALittleCloserCountToo) {
  Path path(1'412, 1'412);
  for (int i = 0; i < 2; ++i) {
    path.now += kApart * 4 / 5;
    EXPECT_FALSE(path.mtu.asked_again(path.now, kApart, 1'412));
  }
  path.now += kApart * 4 / 5;
  EXPECT_TRUE(path.mtu.asked_again(path.now, kApart, 1'412));
}

TEST(PathMtu, AfterAnArrivalThreeRoundsAreNeededAgain) {
  Path path(1'412, 1'300);
  EXPECT_EQ(path.send(), 3);
  for (int i = 0; i < 2; ++i) {
    path.now += kApart;
    EXPECT_FALSE(path.mtu.asked_again(path.now, kApart, 1'172)) << i;
  }
}

TEST(PathMtu, ALossNowAndThenChangesNothing) {
  Path path(1'412, 1'412);
  for (int i = 0; i < 100; ++i) {
    path.now += kApart;
    EXPECT_FALSE(path.mtu.asked_again(path.now, kApart, 1'412));
    path.now += kApart;
    EXPECT_FALSE(path.mtu.asked_again(path.now, kApart, 1'412));
    EXPECT_EQ(path.send(), 0);
  }
  EXPECT_EQ(path.mtu.payload(), 1'412U);
}

TEST(PathMtu, QuestionsAtOneTimeAreOneRound) {
  Path path(1'412, 1'412);
  for (int i = 0; i < 100; ++i) EXPECT_FALSE(path.mtu.asked_again(path.now, kApart, 1'412));
}

TEST(PathMtu, AMessageOfOnePacketShowsANarrowNetworkToo) {
  Path path(1'412, 1'340);
  for (int i = 0; i < 2; ++i) {
    path.now += kApart;
    EXPECT_FALSE(path.mtu.asked_again(path.now, kApart, 1'399));
    path.mtu.arrived(300);
  }
  path.now += kApart;
  EXPECT_TRUE(path.mtu.asked_again(path.now, kApart, 1'399));
  EXPECT_EQ(path.mtu.payload(), 1'172U);
}

TEST(PathMtu, ShortPacketsTellNothing) {
  Path path(1'412, 1'412);
  for (int i = 0; i < 100; ++i) {
    path.now += kApart;
    EXPECT_FALSE(path.mtu.asked_again(path.now, kApart, 300));
    path.mtu.arrived(300);
  }
}

TEST(PathMtu, AShortMessageTriesNothing) {
  Path path(1'412, 1'350);
  path.send();
  path.now += kApart;
  ASSERT_EQ(path.mtu.payload(), 1'172U);
  EXPECT_EQ(path.mtu.begin_message(path.now, 1'000), 1'172U);
  EXPECT_GT(path.mtu.begin_message(path.now, kLong), 1'172U);
  EXPECT_EQ(path.mtu.begin_message(path.now, kLong), 1'172U) << "one at a time";
}

TEST(PathMtu, AWayThatBecameWiderIsNoticedAfterTenMinutes) {
  Path narrow(1'412, 1'300);
  for (int i = 0; i < 50; ++i) narrow.send();
  Path wide(1'412, 1'412);
  wide.mtu = narrow.mtu;
  wide.now = narrow.now;
  wide.send();
  EXPECT_LE(wide.mtu.payload(), 1'300U);
  wide.now += Duration(601'000'000'000);
  wide.send();
  EXPECT_EQ(wide.mtu.payload(), 1'412U);
}

TEST(PathMtu, ATryWhoseMessageNeverEndsIsForgotten) {
  Path path(1'412, 1'350);
  path.send();
  path.now += kApart;
  ASSERT_GT(path.mtu.begin_message(path.now, kLong), 1'172U);
  path.now += Duration(2'000'000'000);
  EXPECT_GT(path.mtu.begin_message(path.now, kLong), 1'172U);
}

TEST(PathMtu, ANewLimitBeginsAnew) {
  Path path(1'412, 500);
  path.send();
  ASSERT_EQ(path.mtu.payload(), 468U);
  path.mtu.set_limit(1'412);  // the same: nothing new
  EXPECT_EQ(path.mtu.payload(), 468U);
  path.mtu.set_limit(8'912);
  EXPECT_EQ(path.mtu.payload(), 8'912U);
  path.mtu.set_limit(400);
  EXPECT_EQ(path.mtu.payload(), 400U);
}

}  // namespace
}  // namespace homa::core
