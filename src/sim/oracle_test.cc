#include "sim/oracle.h"

#include <gtest/gtest.h>

namespace homa::sim {
namespace {

// Four hosts and an oracle, driven by its own events. Times of completion are by message.
class OracleTest : public ::testing::Test {
 protected:
  static TopologyConfig topology() {
    TopologyConfig topology;
    topology.kind = TopologyKind::kSingleSwitch;
    topology.hosts = 4;
    topology.racks = 1;
    return topology;
  }
  static TrafficConfig traffic() {
    TrafficConfig traffic;
    traffic.messages = 100;
    return traffic;
  }
  // Message number 0, 1, ... in the order of the calls, which is that of their times.
  MessageId begin(SimTime time, HostId from, HostId to, std::uint32_t bytes) {
    arrivals_.push_back({time, from, to, bytes, false});
    ended_.push_back(kSimNever);
    const auto id = static_cast<MessageId>(arrivals_.size() - 1);
    events_.push(time, EventKind::kMessage, from, id);
    return id;
  }
  void run() {
    for (Event event; events_.pop(event);) {
      if (event.kind == EventKind::kMessage) {
        ASSERT_EQ(ledger_.begin(arrivals_[event.value]), event.value);
        oracle_.on_message(event.time, event.value);
      } else if (event.kind == EventKind::kHostTimer) {
        oracle_.on_timer(event.time, event.target, event.value);
      } else {
        oracle_.on_application(event.time, event.target, event.value);
        ended_[event.value] = event.time;
      }
    }
  }
  SimTime best(std::uint32_t bytes) { return best_(bytes, true); }

  EventQueue events_;
  PacketPool packets_;
  Network network_{topology(), SwitchConfig{}, 1, events_, packets_};
  Ledger ledger_{traffic(), topology(), PacketShape{}, 10'000, network_};
  BestTime best_{topology(), PacketShape{}};
  OracleTransport oracle_{topology(), PacketShape{}, {events_, packets_, network_, ledger_}};
  std::vector<Arrival> arrivals_;
  std::vector<SimTime> ended_;
};

TEST_F(OracleTest, AMessageAloneTakesTheBestTime) {
  const MessageId id = begin(SimTime(0), 0, 1, 100'000);
  run();
  EXPECT_EQ(ended_[id], best(100'000));
}

TEST_F(OracleTest, MessagesBetweenDifferentHostsDoNotDisturbEachOther) {
  const MessageId first = begin(SimTime(0), 0, 1, 100'000);
  const MessageId second = begin(SimTime(0), 2, 3, 50'000);
  run();
  EXPECT_EQ(ended_[first], best(100'000));
  EXPECT_EQ(ended_[second], best(50'000));
}

TEST_F(OracleTest, TheShorterMessagePreemptsAtNoCost) {
  const MessageId longer = begin(SimTime(0), 0, 1, 1'000'000);
  const MessageId shorter = begin(SimTime(100'000'000), 2, 1, 10'000);
  run();
  EXPECT_EQ(ended_[shorter], SimTime(100'000'000) + best(10'000));
  EXPECT_GT(ended_[longer], best(1'000'000));
  // It waits just as long as the shorter one needs the link.
  EXPECT_LT(ended_[longer], best(1'000'000) + best(10'000));
}

TEST_F(OracleTest, EqualMessagesGoInTheOrderOfTheirArrival) {
  const MessageId first = begin(SimTime(0), 0, 1, 20'000);
  const MessageId second = begin(SimTime(0), 2, 1, 20'000);
  run();
  EXPECT_EQ(ended_[first], best(20'000));
  EXPECT_GT(ended_[second], best(20'000));
}

}  // namespace
}  // namespace homa::sim
