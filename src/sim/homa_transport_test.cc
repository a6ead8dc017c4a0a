#include "sim/homa_transport.h"

#include <gtest/gtest.h>

#include "sim/simulation.h"

namespace homa::sim {
namespace {

constexpr std::uint32_t kMessages = 40;

// Hosts 1 and 2 send messages of several lengths to host 0, every packet and byte of which is
// checked. At the end everything must have come to rest.
SimConfig two_to_one() {
  SimConfig config;
  config.topology.kind = TopologyKind::kSingleSwitch;
  config.topology.hosts = 3;
  config.topology.racks = 1;
  config.traffic.pattern = TrafficPattern::kReplay;
  for (std::uint32_t i = 0; i < kMessages; ++i) {
    const std::uint32_t lengths[] = {10, 1'500, 60'000, 400'000};
    config.traffic.replay.push_back({SimTime(i * 20'000'000LL), 1 + i % 2, 0, lengths[i % 4]});
  }
  config.traffic.warm_up = 0;
  config.check = true;
  config.drain = true;
  return config;
}

Report run(const SimConfig& config) {
  auto simulation = Simulation::create(config);
  EXPECT_TRUE(simulation.has_value());
  Report report = (*simulation)->run();
  for (const std::string& violation : report.violations) ADD_FAILURE() << violation;
  return report;
}

TEST(HomaTransport, AOneWayMessageUsesTheNetworkInOneDirection) {
  const Report report = run(two_to_one());
  EXPECT_EQ(report.measured, kMessages);
  EXPECT_EQ(report.homa.at("requests_received"), kMessages);
  for (const char* name : {"responses_sent", "responses_received", "acks_sent", "acks_ridden",
                           "need_ack_sent", "resends_sent"}) {
    EXPECT_EQ(report.homa.at(name), 0U) << name;
  }
}

TEST(HomaTransport, ARequestIsAnsweredWithAsManyBytes) {
  SimConfig config = two_to_one();
  config.traffic.request_response = true;
  const Report same = run(config);
  EXPECT_EQ(same.homa.at("responses_received"), kMessages);
  EXPECT_EQ(same.homa.at("bytes_sent"), 2 * run(two_to_one()).homa.at("bytes_sent"));
  config.traffic.response_bytes = 10;
  const Report shorter = run(config);
  EXPECT_EQ(shorter.homa.at("responses_received"), kMessages);
  EXPECT_LT(shorter.homa.at("bytes_sent"), same.homa.at("bytes_sent"));
}

// Of a single RPC. The best time that slowdowns are measured against includes the time that every
// server takes for its answer, but no delay of one host.
TEST(HomaTransport, ServersTakeTheirTimeToAnswer) {
  constexpr double kServiceUs = 50, kDelayUs = 30;
  SimConfig config = two_to_one();
  config.traffic.request_response = true;
  config.traffic.replay = {{SimTime(0), 1, 0, 100}};
  const double prompt = run(config).all.mean;
  config.traffic.service_time = SimTime(50'000'000);
  const double served = run(config).all.mean;
  config.faults.quirks.resize(1);
  config.faults.quirks[0].application_delay = SimTime(30'000'000);
  const double delayed = run(config).all.mean;
  ASSERT_GT(delayed, served);
  const double best_us = kDelayUs / (delayed - served);
  EXPECT_GT(best_us, kServiceUs);
  EXPECT_NEAR(served * best_us - prompt * (best_us - kServiceUs), kServiceUs, 0.1);
}

TEST(HomaTransport, ClocksThatGoFastOrSlowLoseNothing) {
  for (const std::int64_t drift : {-100'000, 100'000}) {
    SimConfig config = two_to_one();
    config.traffic.request_response = true;
    config.faults.links.loss = 0.02;
    config.faults.quirks.resize(1);
    config.faults.quirks[0].clock_drift_ppm = drift;
    const Report report = run(config);
    EXPECT_EQ(report.measured, kMessages) << drift;
    EXPECT_GT(report.retransmitted, 0U) << drift;
  }
}

TEST(HomaTransport, APacedHostSendsTheSameMessages) {
  SimConfig config = two_to_one();
  config.homa.paced = true;
  const Report report = run(config);
  EXPECT_EQ(report.measured, kMessages);
  EXPECT_EQ(report.homa.at("bytes_sent"), run(two_to_one()).homa.at("bytes_sent"));
}

// What the host's applications waited for ends with them; what others asked of it is asked again.
TEST(HomaTransport, ARestartEndsWhatTheHostHadBegunAndNothingElse) {
  SimConfig config = two_to_one();
  config.traffic.replay = {{SimTime(0), 1, 0, 2'000'000}, {SimTime(0), 2, 0, 2'000'000}};
  config.faults.plan = {{SimTime(100'000'000), Fault::Kind::kRestart, 1}};
  const Report client = run(config);
  EXPECT_EQ(client.failed, 1U);
  EXPECT_EQ(client.measured, 1U);
  config.faults.plan[0].host = 2;
  EXPECT_EQ(run(config).failed, 1U);
}

TEST(HomaTransport, TheSameSeedGivesTheSamePackets) {
  SimConfig config = two_to_one();
  config.faults.links.loss = 0.05;
  const Report first = run(config), again = run(config);
  EXPECT_EQ(first.events, again.events);
  EXPECT_EQ(first.homa, again.homa);
  config.seed = 2;
  EXPECT_NE(run(config).homa, first.homa);
}

}  // namespace
}  // namespace homa::sim
