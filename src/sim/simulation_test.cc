#include "sim/simulation.h"

#include <gtest/gtest.h>

namespace homa::sim {
namespace {

SimConfig small(Protocol protocol) {
  SimConfig config;
  config.protocol = protocol;
  config.topology.hosts = 12;
  config.topology.racks = 3;
  config.topology.spines = 2;
  config.traffic.workload = "w3";
  config.traffic.bytes_max = 200'000;
  config.traffic.load = 0.6;
  config.traffic.messages = 3'000;
  return config;
}

Report run(const SimConfig& config) {
  auto simulation = Simulation::create(config);
  EXPECT_TRUE(simulation.has_value());
  return (*simulation)->run();
}

SimConfig one_message(std::uint32_t bytes, HostId destination) {
  SimConfig config;
  config.topology.hosts = 8;
  config.topology.racks = 2;
  config.traffic.pattern = TrafficPattern::kReplay;
  config.traffic.replay = {{SimTime(0), 0, destination, bytes}};
  config.drain = true;
  return config;
}

// BestTime and the network agree: a message alone needs exactly the best time, if it is cut into
// the same packets.
TEST(Simulation, AMessageOnAnIdleNetworkTakesTheBestTime) {
  for (const std::uint32_t bytes : {1U, 100U, 1424U, 1425U, 5'000U, 9'328U}) {
    for (const HostId destination : {1U, 7U}) {
      const Report report = run(one_message(bytes, destination));
      ASSERT_EQ(report.measured, 1U);
      // Spraying may send two packets over one spine where the best uses two.
      EXPECT_GE(report.all.mean, 1.0) << bytes << " to " << destination;
      EXPECT_LE(report.all.mean, bytes <= 1424 ? 1.0 : 1.02) << bytes << " to " << destination;
    }
  }
}

// Beyond the unscheduled bytes there is one more packet boundary, and grants must come in time.
TEST(Simulation, GrantsKeepALongMessageAtFullRate) {
  const Report report = run(one_message(1'000'000, 7));
  EXPECT_LT(report.all.mean, 1.001);
  EXPECT_GT(report.homa.at("grants_sent"), 300U);
}

TEST(Simulation, EveryProtocolDeliversEveryMessage) {
  for (const Protocol protocol : {Protocol::kHoma, Protocol::kOracle, Protocol::kDctcp}) {
    const Report report = run(small(protocol));
    EXPECT_EQ(report.measured, 3'000U) << to_string(protocol);
    EXPECT_EQ(report.unfinished + report.failed, 0U) << to_string(protocol);
    EXPECT_TRUE(report.violations.empty()) << to_string(protocol);
    EXPECT_GE(report.all.p50, 0.99) << to_string(protocol);
    EXPECT_NEAR(report.offered_load, 0.6, 0.1);
  }
}

TEST(Simulation, HomaIsBetweenTheOracleAndDctcp) {
  const double oracle = run(small(Protocol::kOracle)).short_half.p99;
  const double homa = run(small(Protocol::kHoma)).short_half.p99;
  const double dctcp = run(small(Protocol::kDctcp)).short_half.p99;
  EXPECT_LT(oracle, homa);
  EXPECT_LT(homa * 3, dctcp);
}

TEST(Simulation, TheSameSeedGivesTheSameRunAndAnotherSeedAnother) {
  SimConfig config = small(Protocol::kHoma);
  const Report first = run(config);
  const Report again = run(config);
  EXPECT_EQ(first.events, again.events);
  EXPECT_EQ(first.all.mean, again.all.mean);
  EXPECT_EQ(first.queues[3].mean_bytes, again.queues[3].mean_bytes);
  config.seed = 2;
  EXPECT_NE(first.events, run(config).events);
}

TEST(Simulation, DctcpRepairsWhatFullBuffersDrop) {
  SimConfig config = small(Protocol::kDctcp);
  config.switches.buffer = BufferKind::kPerPort;
  config.switches.buffer_bytes = 20'000;
  config.switches.paths = PathChoice::kPerFlow;
  const Report report = run(config);
  EXPECT_GT(report.network.dropped_buffer, 0U);
  EXPECT_GT(report.retransmitted, 0U);
  EXPECT_EQ(report.unfinished, 0U);
}

// 200 Mbit/s: queues of many windows last far longer than the least timeout, and nothing is lost.
TEST(Simulation, DctcpsTimersFollowTheRoundTripsOfASlowLink) {
  SimConfig config = small(Protocol::kDctcp);
  config.topology.kind = TopologyKind::kSingleSwitch;
  config.topology.hosts = 4;
  config.topology.racks = 1;
  config.topology.host_bits_per_second = 200'000'000;
  config.switches.ecn_threshold_bytes = 30'000;
  config.traffic.workload = "w4";
  config.traffic.bytes_max = 1'000'000;
  config.traffic.load = 0.85;
  const Report report = run(config);
  EXPECT_EQ(report.unfinished, 0U);
  EXPECT_GT(report.all.p50, 10.0);  // queues are long
  const std::uint64_t segments = report.network.forwarded / 2;
  EXPECT_LT(report.retransmitted, segments / 1'000);
}

TEST(Simulation, ARunEndsWhenItsWatcherHasSeenEnough) {
  SimConfig config = small(Protocol::kHoma);
  config.traffic.messages = 10'000'000;
  auto simulation = Simulation::create(config);
  ASSERT_TRUE(simulation.has_value());
  const Report report = (*simulation)->run([](const Progress& at) { return at.ended < 20'000; });
  EXPECT_TRUE(report.stopped);
  EXPECT_GT(report.unfinished, 9'000'000U);
}

// Bytes that arrive until the last message begins count. What a link cannot carry does not.
TEST(Simulation, OverloadIsMeasuredWithoutWaitingForItsEnd) {
  SimConfig config = small(Protocol::kHoma);
  config.traffic.load = 1.4;
  config.traffic.messages = 20'000;
  config.traffic.await_last = false;
  const Report report = run(config);
  EXPECT_GT(report.unfinished, 0U);
  EXPECT_GT(report.offered_load, 1.2);
  EXPECT_GT(report.sustained_load, 0.8);
  EXPECT_LT(report.sustained_load, 1.0);
  EXPECT_GT(report.backlog.growth, 0.1);
  config.traffic.load = 0.6;
  EXPECT_NEAR(run(config).backlog.growth, 0, 0.02);
}

// As in the paper's simulator: the first message to a host has the same level as later ones.
TEST(Simulation, SendersKnowTheCutoffsFromTheBeginning) {
  EXPECT_EQ(run(small(Protocol::kHoma)).homa.at("cutoffs_sent"), 0U);
}

TEST(Simulation, AClosedLoopKeepsItsClientsLinkBusy) {
  SimConfig config;
  config.topology.kind = TopologyKind::kSingleSwitch;
  config.topology.hosts = 16;
  config.topology.racks = 1;
  config.traffic.pattern = TrafficPattern::kClosedLoop;
  config.traffic.workload = "100";
  config.traffic.request_response = true;
  config.traffic.response_bytes = 10'000;
  config.traffic.concurrency = 20;
  config.traffic.messages = 2'000;
  const Report report = run(config);
  EXPECT_EQ(report.measured, 2'000U);
  EXPECT_GT(report.goodput_bits_per_second * 16, 8e9);
}

TEST(Simulation, ABadConfigurationIsRefusedInWords) {
  SimConfig config = small(Protocol::kHoma);
  config.topology.racks = 5;
  const auto refused = Simulation::create(config);
  ASSERT_FALSE(refused.has_value());
  EXPECT_NE(refused.error().text.find("racks"), std::string::npos);
}

}  // namespace
}  // namespace homa::sim
