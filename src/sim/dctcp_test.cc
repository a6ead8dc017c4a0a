#include "sim/dctcp.h"

#include <gtest/gtest.h>

#include "sim/simulation.h"

namespace homa::sim {
namespace {

// `senders` hosts send `bytes` each to host 0 at the same time.
SimConfig many_to_one(std::uint32_t senders, std::uint32_t bytes) {
  SimConfig config;
  config.protocol = Protocol::kDctcp;
  config.topology.kind = TopologyKind::kSingleSwitch;
  config.topology.hosts = senders + 1;
  config.topology.racks = 1;
  config.switches.paths = PathChoice::kPerFlow;
  config.switches.ecn_threshold_bytes = 97'500;
  config.traffic.pattern = TrafficPattern::kReplay;
  for (HostId host = 1; host <= senders; ++host) {
    config.traffic.replay.push_back({SimTime(0), host, 0, bytes});
  }
  config.drain = true;
  return config;
}

Report run(const SimConfig& config) {
  auto simulation = Simulation::create(config);
  EXPECT_TRUE(simulation.has_value());
  return (*simulation)->run();
}

TEST(Dctcp, AFlowAloneGrowsToTheRateOfTheLink) {
  const Report report = run(many_to_one(1, 10'000'000));
  EXPECT_EQ(report.measured, 1U);
  EXPECT_LT(report.all.mean, 1.1);
  EXPECT_EQ(report.retransmitted, 0U);
}

TEST(Dctcp, MarksKeepTheQueueShort) {
  SimConfig config = many_to_one(4, 5'000'000);
  const Report marked = run(config);
  config.switches.ecn_threshold_bytes = 0;
  const Report unmarked = run(config);
  const auto longest = [](const Report& report) {
    for (const QueueReport& queue : report.queues) {
      if (queue.kind == PortKind::kLeafDown) return queue.max_bytes;
    }
    return std::uint64_t{0};
  };
  EXPECT_GT(marked.network.marked, 0U);
  EXPECT_EQ(unmarked.network.marked, 0U);
  EXPECT_LT(longest(marked) * 5, longest(unmarked));
}

TEST(Dctcp, FlowsShareALinkFairly) {
  const Report report = run(many_to_one(4, 2'000'000));
  EXPECT_EQ(report.measured, 4U);
  EXPECT_LT(report.all.max, report.all.p50 * 1.5);
}

TEST(Dctcp, LostSegmentsAreSentAgain) {
  SimConfig config = many_to_one(1, 500'000);
  config.faults.links.loss = 0.02;
  const Report report = run(config);
  EXPECT_EQ(report.measured, 1U);
  EXPECT_EQ(report.unfinished, 0U);
  EXPECT_GT(report.retransmitted, 0U);
}

TEST(DctcpConfig, RefusesWhatCannotBe) {
  EXPECT_TRUE(DctcpConfig{}.validate().has_value());
  DctcpConfig config;
  config.segment_bytes = 0;
  EXPECT_FALSE(config.validate().has_value());
  config = {};
  config.initial_window_segments = 0;
  EXPECT_FALSE(config.validate().has_value());
}

}  // namespace
}  // namespace homa::sim
