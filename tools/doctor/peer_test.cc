#include "tools/doctor/peer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace homa::tools {
namespace {

using ::testing::HasSubstr;

constexpr std::uint64_t kLink = 1'000'000'000;

PeerFacts facts(double idle, double loaded, double rate) {
  return {std::vector<double>(50, idle), std::vector<double>(50, loaded), rate};
}

TEST(Peer, ALinkThatCarriesMoreThanItIsSaidToIsAProblem) {
  EXPECT_EQ(check_measured_rate(facts(50, 60, 0.95e9), kLink).verdict, Verdict::kGood);
  EXPECT_EQ(check_measured_rate(facts(50, 60, 0.95e9), 0).verdict, Verdict::kGood);
  const Finding found = check_measured_rate(facts(50, 60, 2e9), kLink);
  EXPECT_EQ(found.verdict, Verdict::kProblem);
  EXPECT_THAT(found.what, HasSubstr("200 % of the link's 1 Gbit/s"));
}

TEST(Peer, ShortCallsThatWaitBehindLongRequestsAreAProblem) {
  EXPECT_EQ(check_queues(facts(50, 250, 1e9), kLink).verdict, Verdict::kGood);
  EXPECT_EQ(check_queues(facts(50, 900, 1e9), kLink).verdict, Verdict::kProblem);
  EXPECT_EQ(check_queues(facts(50, 900, 1e8), kLink / 10).verdict, Verdict::kGood);
  PeerFacts none = facts(50, 0, 0);
  none.loaded.clear();
  EXPECT_EQ(check_queues(none, kLink).verdict, Verdict::kProblem);
}

TEST(Peer, SomeRoundTripsThatTakeMuchLongerAreNoted) {
  PeerFacts some = facts(50, 0, 0);
  EXPECT_EQ(check_answers(some).verdict, Verdict::kGood);
  for (std::size_t i = 40; i < 50; ++i) some.idle[i] = 4'000;
  EXPECT_EQ(check_answers(some).verdict, Verdict::kNote);
}

}  // namespace
}  // namespace homa::tools
