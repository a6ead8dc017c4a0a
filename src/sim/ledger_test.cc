#include "sim/ledger.h"

#include <gtest/gtest.h>

namespace homa::sim {
namespace {

// Two hosts, messages of 1,000 bytes: two of warm-up, four that are measured.
class LedgerTest : public ::testing::Test {
 protected:
  static TopologyConfig topology() {
    TopologyConfig topology;
    topology.kind = TopologyKind::kSingleSwitch;
    topology.hosts = 2;
    topology.racks = 1;
    return topology;
  }
  static TrafficConfig traffic() {
    TrafficConfig traffic;
    traffic.workload = "1000";
    traffic.messages = 4;
    traffic.warm_up = 0.5;
    return traffic;
  }
  MessageId begin(SimTime time, bool incast = false) {
    return ledger_.begin({time, 0, 1, 1'000, incast});
  }
  void finish(MessageId id, SimTime time) {
    ledger_.request_progress(time, id, 1'000);
    ledger_.complete(time, id, 0, 0);
  }

  EventQueue events_;
  PacketPool packets_;
  Network network_{topology(), SwitchConfig{}, 1, events_, packets_};
  Ledger ledger_{traffic(), topology(), PacketShape{}, 10'000, network_};
};

TEST_F(LedgerTest, MeasuresWhatFollowsTheWarmUpAndNoMore) {
  for (int i = 0; i < 2; ++i) finish(begin(SimTime(i)), SimTime(1'000'000'000));
  EXPECT_EQ(ledger_.ended_measured(), 0U);
  for (int i = 2; i < 6; ++i) begin(SimTime(i));
  EXPECT_TRUE(ledger_.measured_begun());
  begin(SimTime(6));
  for (MessageId id = 2; id < 6; ++id) {
    EXPECT_FALSE(ledger_.measured_complete());
    finish(id, SimTime(2'000'000'000));
  }
  EXPECT_TRUE(ledger_.measured_complete());
  EXPECT_EQ(ledger_.slowdowns().count(), 4U);
  EXPECT_EQ(ledger_.under_way(), 1U);
  EXPECT_TRUE(ledger_.violations().empty());
}

TEST_F(LedgerTest, ASlowdownIsTheTimeOverTheBestTime) {
  BestTime best(topology(), PacketShape{});
  for (int i = 0; i < 2; ++i) finish(begin(SimTime(0)), SimTime(1'000'000'000));
  finish(begin(SimTime(5)), SimTime(5) + best(1'000, true));
  finish(begin(SimTime(5)), SimTime(5) + 3 * best(1'000, true));
  EXPECT_NEAR(ledger_.slowdowns().all().mean, 2, 1e-6);
  EXPECT_NEAR(ledger_.slowdowns().all().max, 3, 1e-6);
}

TEST_F(LedgerTest, MessagesOfABurstAreNotMeasured) {
  const MessageId burst = begin(SimTime(0), true);
  finish(burst, SimTime(1'000'000));
  for (int i = 0; i < 6; ++i) finish(begin(SimTime(i)), SimTime(1'000'000'000));
  EXPECT_EQ(ledger_.slowdowns().count(), 4U);
}

TEST_F(LedgerTest, ComplainsOfAMessageThatEndsTwice) {
  const MessageId id = begin(SimTime(0));
  finish(id, SimTime(10'000'000));
  ledger_.complete(SimTime(20'000'000), id, 0, 0);
  ledger_.fail(SimTime(20'000'000), id);
  EXPECT_EQ(ledger_.violations().size(), 2U);
  EXPECT_EQ(ledger_.failed(), 0U);
}

TEST_F(LedgerTest, ComplainsOfMissingAndOfSurplusBytes) {
  const MessageId incomplete = begin(SimTime(0));
  ledger_.request_progress(SimTime(1), incomplete, 999);
  ledger_.complete(SimTime(1), incomplete, 0, 0);
  ASSERT_EQ(ledger_.violations().size(), 1U);
  EXPECT_NE(ledger_.violations()[0].find("999 of 1000"), std::string::npos);
  ledger_.request_progress(SimTime(2), begin(SimTime(2)), 1'001);
  EXPECT_EQ(ledger_.violations().size(), 2U);
}

TEST_F(LedgerTest, AFailedMessageHasEnded) {
  const MessageId id = begin(SimTime(0));
  ledger_.request_progress(SimTime(1), id, 500);
  ledger_.fail(SimTime(2), id);
  EXPECT_EQ(ledger_.failed(), 1U);
  EXPECT_EQ(ledger_.under_way(), 0U);
  EXPECT_TRUE(ledger_.violations().empty());
}

TEST_F(LedgerTest, TheBacklogGrowsByWhatDoesNotArrive) {
  for (int i = 0; i < 6; ++i) begin(SimTime(i));  // nothing arrives
  // Messages 3 and 4 find two and three before them, the next two four and five.
  const Backlog backlog = ledger_.backlog();
  EXPECT_DOUBLE_EQ(backlog.first_half_bytes, 2'500);
  EXPECT_DOUBLE_EQ(backlog.second_half_bytes, 4'500);
  EXPECT_DOUBLE_EQ(backlog.growth, 1);
}

TEST_F(LedgerTest, KeepsTheFirstViolationsOnly) {
  for (int i = 0; i < 100; ++i) ledger_.violation(std::to_string(i));
  EXPECT_EQ(ledger_.violations().size(), 10U);
  EXPECT_EQ(ledger_.violations()[9], "9");
}

}  // namespace
}  // namespace homa::sim
