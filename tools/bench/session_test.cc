#include "tools/bench/session.h"

#include <gtest/gtest.h>

#include <set>

namespace homa::tools {
namespace {

BenchPlace on_loopback(int hosts) {
  BenchPlace place;
  place.loopback = true;
  place.lab.hosts = hosts;
  place.lab.rate = 1'000'000'000;
  return place;
}

HostConfig own_engine() {
  HostConfig config;
  config.engine = EngineChoice::kOwn;
  return config;
}

BenchLoad short_run() {
  BenchLoad load;
  load.workload = sim::WorkloadDistribution::fixed(100);
  load.concurrency = 2;
  load.rpcs = 200;
  load.warm_up = Nanoseconds::zero();
  return load;
}

const BenchProtocol kTcp{BenchProtocol::Kind::kTcp, "cubic", 1};

TEST(BenchSession, HostsOnLoopbackHaveAddressesOfTheirOwn) {
  const auto session = BenchSession::open(on_loopback(3), own_engine());
  ASSERT_TRUE(session) << session.error().text;
  std::set<std::string> addresses;
  for (const BenchHostPlace& host : session->setup().hosts) {
    EXPECT_EQ(host.network_namespace, "");
    addresses.insert(host.address);
  }
  EXPECT_EQ(addresses.size(), 3U);
  EXPECT_EQ(session->rate(), 1'000'000'000U);
  EXPECT_NE(session->setup().homa.udp_port, kDefaultUdpPort) << "another Homa may have that port";
}

TEST(BenchSession, ClientsOfAForeignServerAreNotOnTheNetworkThemselves) {
  BenchPlace place = on_loopback(2);
  place.server = BenchServer{*SocketAddress::parse("127.0.0.9:77"), {}};
  const auto session = BenchSession::open(place, own_engine());
  ASSERT_TRUE(session) << session.error().text;
  EXPECT_EQ(session->hosts(), 2U);
  EXPECT_EQ(session->setup().hosts[0].address, "");
  EXPECT_TRUE(session->setup().server);
  EXPECT_NE(session->description().find("127.0.0.9"), std::string::npos) << session->description();
}

TEST(BenchSession, ALabThatDoesNotExistIsAnError) {
  BenchPlace place;
  place.existing_lab = "nonesuch";
  const auto session = BenchSession::open(place, own_engine());
  ASSERT_FALSE(session);
  EXPECT_NE(session.error().text.find("nonesuch"), std::string::npos);
}

TEST(BenchSession, TheIdleNetworkIsMeasuredOncePerProtocolAndWorkload) {
  auto session = BenchSession::open(on_loopback(2), own_engine());
  ASSERT_TRUE(session) << session.error().text;
  const BenchLoad load = short_run();
  const auto first = session->unloaded(kTcp, load);
  ASSERT_TRUE(first) << first.error().text;
  ASSERT_FALSE(first->empty());
  const auto again = session->unloaded(kTcp, load);
  ASSERT_TRUE(again);
  EXPECT_EQ(again->at(100), first->at(100)) << "measured again, to the nanosecond the same?";
  BenchProtocol several = kTcp;
  several.connections = 8;  // one RPC at a time needs one connection
  EXPECT_EQ(session->unloaded(several, load)->at(100), first->at(100));
  BenchLoad other = load;
  other.response_bytes = 50'000;
  EXPECT_NE(session->unloaded(kTcp, other)->at(100), first->at(100));
}

TEST(BenchSession, ARunIsComparedWithTheIdleNetwork) {
  auto session = BenchSession::open(on_loopback(2), own_engine());
  ASSERT_TRUE(session) << session.error().text;
  session->set_message_bytes_max(100);
  const auto result = session->run(kTcp, short_run(), [](const BenchProgress&) {});
  ASSERT_TRUE(result) << result.error().text;
  EXPECT_EQ(result->run.rpcs_finished, 200U);
  EXPECT_EQ(result->run.corrupt, 0U);
  EXPECT_GT(result->figures.all.slowdown.mean, 0);
  EXPECT_GT(result->figures.all.own_slowdown.mean, 0);
  EXPECT_EQ(result->service, "");
}

TEST(BenchSession, HandlersThatTakeTimeAreNamedInTheResult) {
  auto session = BenchSession::open(on_loopback(2), own_engine());
  ASSERT_TRUE(session) << session.error().text;
  session->set_service(*ServiceTime::parse("fixed:2ms"), 4);
  const auto result = session->run(kTcp, short_run(), [](const BenchProgress&) {});
  ASSERT_TRUE(result) << result.error().text;
  EXPECT_GE(result->figures.all.round_trip_us.min, 2'000);
  EXPECT_NE(result->service.find("fixed:2ms"), std::string::npos) << result->service;
}

TEST(BenchSession, WhatARunCannotDoIsItsError) {
  auto session = BenchSession::open(on_loopback(2), own_engine());
  ASSERT_TRUE(session) << session.error().text;
  const BenchProtocol wrong{BenchProtocol::Kind::kTcp, "nonesuch", 1};
  EXPECT_FALSE(session->run(wrong, short_run(), [](const BenchProgress&) {}));
}

}  // namespace
}  // namespace homa::tools
