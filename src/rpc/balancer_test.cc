#include "rpc/balancer.h"

#include <gtest/gtest.h>

#include <array>

namespace homa::rpc {
namespace {

using std::chrono_literals::operator""ms;
using Time = Balancer::Clock::time_point;

std::vector<SocketAddress> servers(std::size_t count) {
  std::vector<SocketAddress> all;
  for (std::size_t i = 0; i < count; ++i) {
    all.push_back({Address::v4(10, 0, 0, static_cast<std::uint8_t>(i + 1)), 4000});
  }
  return all;
}

const Time kNow = Time() + std::chrono::hours(1);

TEST(Balancer, TheLessLoadedOfTwoIsTaken) {
  Balancer balancer(servers(2), 1);
  const std::vector<bool> none(2);
  const std::size_t first = balancer.pick(none, kNow).value();
  EXPECT_EQ(balancer.pick(none, kNow), 1 - first);
  balancer.finished(first, true, kNow);
  EXPECT_EQ(balancer.pick(none, kNow), first);
}

TEST(Balancer, LoadIsSpreadEvenly) {
  Balancer balancer(servers(10), 1);
  std::array<int, 10> calls{};
  for (int i = 0; i < 1'000; ++i) ++calls[balancer.pick(std::vector<bool>(10), kNow).value()];
  for (const int its : calls) EXPECT_NEAR(its, 100, 5);
}

TEST(Balancer, ACallAsksEachServerOnce) {
  Balancer balancer(servers(3), 1);
  std::vector<bool> asked(3);
  for (int i = 0; i < 3; ++i) {
    const auto server = balancer.pick(asked, kNow);
    ASSERT_TRUE(server);
    EXPECT_FALSE(asked[*server]);
    asked[*server] = true;
  }
  EXPECT_FALSE(balancer.pick(asked, kNow));
}

TEST(Balancer, AServerThatFailsIsLeftOutForAWhile) {
  Balancer balancer(servers(2), 1);
  const std::vector<bool> only_first{false, true}, none(2);
  for (unsigned i = 0; i < Balancer::kFailuresMax; ++i) {
    ASSERT_EQ(balancer.pick(only_first, kNow), 0U);
    balancer.finished(0, false, kNow);
  }
  for (int i = 0; i < 20; ++i) EXPECT_EQ(balancer.pick(none, kNow), 1U);
  EXPECT_EQ(balancer.pick(only_first, kNow), 0U) << "better than none";
  const Time later = kNow + Balancer::kEjectionFirst;
  EXPECT_EQ(balancer.pick(none, later), 0U) << "it has fewer outstanding";
  balancer.finished(0, false, later);
  EXPECT_EQ(balancer.pick(none, later + Balancer::kEjectionFirst), 1U) << "twice as long now";
  ASSERT_EQ(balancer.pick(none, later + 2 * Balancer::kEjectionFirst), 0U);
  balancer.finished(0, true, later);
  ASSERT_EQ(balancer.pick(only_first, later), 0U);
  balancer.finished(0, false, later + 2 * Balancer::kEjectionFirst);
  EXPECT_EQ(balancer.pick(none, later + 2 * Balancer::kEjectionFirst), 0U) << "one failure only";
}

TEST(Balancer, RetriesAreATenthOfWhatWorks) {
  Balancer balancer(servers(1), 1);
  for (unsigned i = 0; i < Balancer::kRetriesMax; ++i) EXPECT_TRUE(balancer.may_retry());
  EXPECT_FALSE(balancer.may_retry());
  for (int i = 0; i < 10; ++i) {
    EXPECT_FALSE(balancer.may_retry()) << i;
    balancer.finished(*balancer.pick({false}, kNow), true, kNow);
  }
  EXPECT_TRUE(balancer.may_retry());
  EXPECT_FALSE(balancer.may_retry());
}

}  // namespace
}  // namespace homa::rpc
