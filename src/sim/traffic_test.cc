#include "sim/traffic.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

namespace homa::sim {
namespace {

TEST(ParseReplay, ReadsLinesAndSkipsComments) {
  const auto entries = parse_replay("# comment\n0.001,0,1,500\n\n0.002, 1, 0, 1000 # more\n", 2);
  ASSERT_TRUE(entries.has_value());
  ASSERT_EQ(entries->size(), 2U);
  EXPECT_EQ((*entries)[0].time, std::chrono::milliseconds(1));
  EXPECT_EQ((*entries)[0].bytes, 500U);
  EXPECT_EQ((*entries)[1].source, 1U);
  EXPECT_EQ((*entries)[1].destination, 0U);
}

TEST(ParseReplay, NamesTheLineThatItRefuses) {
  for (const char* bad :
       {"0,0,1,5\n0,0,0,5", "0,0,1,5\nx,0,1,5", "0,0,1,5\n0,0,9,5", "0,0,1,5\n0,0,1",
        "0,0,1,5\n0,0,1,0", "0,0,1,5\n0,0,1,5,6", "1,0,1,5\n0.5,0,1,5", "0,0,1,5\n-1,0,1,5"}) {
    const auto refused = parse_replay(bad, 3);
    ASSERT_FALSE(refused.has_value()) << bad;
    EXPECT_NE(refused.error().text.find("line 2"), std::string::npos) << refused.error().text;
  }
  EXPECT_FALSE(parse_replay("# nothing\n", 2).has_value());
}

TEST(TrafficConfig, RefusesWhatCannotBe) {
  const TopologyConfig topology;
  const auto refused = [&](auto change) {
    TrafficConfig config;
    change(config);
    return !config.validate(topology).has_value();
  };
  EXPECT_FALSE(refused([](TrafficConfig&) {}));
  EXPECT_TRUE(refused([](TrafficConfig& c) { c.load = 0; }));
  EXPECT_TRUE(refused([](TrafficConfig& c) { c.load = 3; }));
  EXPECT_TRUE(refused([](TrafficConfig& c) { c.messages = 0; }));
  EXPECT_TRUE(refused([](TrafficConfig& c) { c.workload = "w9"; }));
  EXPECT_TRUE(refused([](TrafficConfig& c) { c.incast_share = 1; }));
  EXPECT_TRUE(refused([](TrafficConfig& c) { c.pattern = TrafficPattern::kReplay; }));
  EXPECT_TRUE(refused([](TrafficConfig& c) { c.pattern = TrafficPattern::kClosedLoop; }));
}

TEST(Traffic, PoissonArrivalsOfferTheLoad) {
  TopologyConfig topology;
  topology.hosts = 10;
  topology.racks = 1;
  TrafficConfig config;
  config.workload = "10000";
  config.load = 0.5;
  const PacketShape shape;
  Traffic traffic(config, topology, shape, 1);
  constexpr int kMessages = 20'000;
  Arrival arrival;
  SimTime last{0};
  std::map<HostId, int> destinations;
  for (int i = 0; i < kMessages; ++i) {
    ASSERT_TRUE(traffic.next(arrival));
    EXPECT_NE(arrival.source, arrival.destination);
    EXPECT_GE(arrival.time, last);
    EXPECT_EQ(arrival.bytes, 10'000U);
    last = arrival.time;
    ++destinations[arrival.destination];
  }
  const double offered = kMessages * static_cast<double>(shape.wire_bytes(10'000)) * 8 /
                         to_seconds(last) / (10.0 * 10e9);
  EXPECT_NEAR(offered, 0.5, 0.02);
  ASSERT_EQ(destinations.size(), 10U);
  for (const auto& [host, count] : destinations) EXPECT_NEAR(count, 2'000, 250) << host;
}

TEST(Traffic, ABurstHasDifferentSendersForOneReceiver) {
  TopologyConfig topology;
  topology.hosts = 10;
  topology.racks = 1;
  TrafficConfig config;
  config.workload = "100";
  config.incast_share = 0.5;
  config.incast_degree = 4;
  config.incast_bytes = 20'000;
  Traffic traffic(config, topology, PacketShape{}, 1);
  std::map<SimTime, std::set<HostId>> senders, receivers;
  Arrival arrival;
  SimTime last{0};
  for (int i = 0; i < 50'000; ++i) {
    ASSERT_TRUE(traffic.next(arrival));
    ASSERT_GE(arrival.time, last);
    last = arrival.time;
    if (!arrival.incast) continue;
    EXPECT_EQ(arrival.bytes, 20'000U);
    senders[arrival.time].insert(arrival.source);
    receivers[arrival.time].insert(arrival.destination);
  }
  ASSERT_GT(senders.size(), 5U);
  senders.erase(last);
  for (const auto& [time, hosts] : senders) {
    EXPECT_EQ(hosts.size(), 4U);
    EXPECT_EQ(receivers[time].size(), 1U);
    EXPECT_EQ(hosts.count(*receivers[time].begin()), 0U);
  }
}

TEST(Traffic, AClosedLoopWaitsForCompletions) {
  TrafficConfig config;
  config.pattern = TrafficPattern::kClosedLoop;
  config.request_response = true;
  config.workload = "100";
  config.concurrency = 3;
  Traffic traffic(config, TopologyConfig{}, PacketShape{}, 1);
  Arrival arrival;
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(traffic.next(arrival));
    EXPECT_EQ(arrival.source, 0U);
  }
  EXPECT_FALSE(traffic.next(arrival));
  traffic.on_completion(SimTime(5'000));
  ASSERT_TRUE(traffic.next(arrival));
  EXPECT_EQ(arrival.time, SimTime(5'000));
  EXPECT_FALSE(traffic.next(arrival));
}

TEST(Traffic, AReplayIsAsListed) {
  TrafficConfig config;
  config.pattern = TrafficPattern::kReplay;
  config.replay = {{SimTime(10), 1, 2, 30}, {SimTime(20), 2, 3, 40}};
  Traffic traffic(config, TopologyConfig{}, PacketShape{}, 1);
  EXPECT_EQ(traffic.expected_duration(), SimTime(20));
  Arrival arrival;
  ASSERT_TRUE(traffic.next(arrival));
  EXPECT_EQ(arrival.destination, 2U);
  ASSERT_TRUE(traffic.next(arrival));
  EXPECT_EQ(arrival.bytes, 40U);
  EXPECT_FALSE(traffic.next(arrival));
}

}  // namespace
}  // namespace homa::sim
