#include "core/admission.h"

#include <gtest/gtest.h>

#include <array>
#include <deque>

namespace homa::core {
namespace {

constexpr Port kServer{80};

CoreConfig small_config() {
  CoreConfig config;
  config.rpcs_max = 8;
  config.served_rpcs_per_port_max = 4;
  config.message_bytes_max = 10'000;
  config.finished_ids_max = 2;
  return config;
}

struct AdmissionTest : testing::Test {
  AdmissionTest() {
    peer.identity = Identity{1};
    data.common.sender_id = WireId{100};
    data.message_length = 1'000;
  }
  ~AdmissionTest() override { account.ports.clear(); }

  CoreConfig config = small_config();
  Accounts accounts{0, 10'000, 100};
  Account& account = *accounts.find(kDefaultAccount);
  std::mt19937_64 random{1};
  Admission admission{config, base::HashKey{1, 2}};
  Peer peer;
  wire::DataHeader data;
};

TEST_F(AdmissionTest, ARequestToAnOpenPortMayStart) {
  const auto port = admission.open(kServer, account, random);
  ASSERT_TRUE(port);
  EXPECT_EQ(admission.find(kServer), *port);
  EXPECT_FALSE(admission.refusal(**port, data));
}

TEST_F(AdmissionTest, APortIsOpenedOnceAndAgainAfterItWasClosed) {
  LocalPort* port = *admission.open(kServer, account, random);
  EXPECT_EQ(admission.open(kServer, account, random).error(), ErrorCode::kInUse);
  admission.close(*port);
  EXPECT_EQ(admission.find(kServer), nullptr);
  EXPECT_EQ(admission.closing(), port);
  EXPECT_TRUE(admission.open(kServer, account, random));
  admission.remove_closing();
  EXPECT_EQ(admission.closing(), nullptr);
  EXPECT_EQ(account.ports.size(), 1U);
}

TEST_F(AdmissionTest, PortZeroIsAFreeClientPort) {
  const auto port = admission.open(Port{0}, account, random);
  ASSERT_TRUE(port);
  EXPECT_TRUE(is_client_port((*port)->number));
  const auto refusal = admission.refusal(**port, data);
  ASSERT_TRUE(refusal) << "it takes no requests";
  EXPECT_EQ(refusal->answer, ErrorCode::kNotAServer);
}

TEST_F(AdmissionTest, ARequestThatIsTooLongIsRefused) {
  LocalPort& port = **admission.open(kServer, account, random);
  data.message_length = 10'001;
  EXPECT_EQ(admission.refusal(port, data)->answer, ErrorCode::kTooLong);
}

TEST_F(AdmissionTest, APortServesSoManyAtOnce) {
  LocalPort& port = **admission.open(kServer, account, random);
  for (int i = 0; i < 4; ++i) admission.request_started(port, false);
  EXPECT_FALSE(admission.has_slot(port, peer, false));
  admission.request_ended(port, peer, WireId{2}, false, false);
  EXPECT_TRUE(admission.has_slot(port, peer, false));
}

TEST_F(AdmissionTest, AllPortsTogetherLeaveRoomForCallsOfOurOwn) {
  LocalPort& port = **admission.open(kServer, account, random);
  LocalPort& other = **admission.open(Port{81}, account, random);
  for (int i = 0; i < 3; ++i) admission.request_started(port, false);
  for (int i = 0; i < 3; ++i) admission.request_started(other, false);
  EXPECT_FALSE(admission.has_slot(port, peer, false));
}

struct AdmissionOfMany : AdmissionTest {
  ~AdmissionOfMany() override { account.ports.clear(); }

  static CoreConfig large_config() {
    CoreConfig config;
    config.rpcs_max = 128;  // 96 of them served
    return config;
  }
  CoreConfig large = large_config();
  Admission slots{large, base::HashKey{1, 2}};
  LocalPort& port = **slots.open(kServer, account, random);
};

TEST_F(AdmissionOfMany, StrangersLeaveSlotsToOthers) {
  int started = 0;
  for (; slots.has_slot(port, peer, true); ++started) slots.request_started(port, true);
  EXPECT_EQ(started, 96 - 96 / 8);
  EXPECT_TRUE(slots.has_slot(port, peer, false));
  slots.request_ended(port, peer, WireId{2}, true, false);
  EXPECT_TRUE(slots.has_slot(port, peer, true));
}

TEST_F(AdmissionOfMany, APeerLeavesSlotsToOthers) {
  std::deque<Place> rpcs;
  while (slots.has_slot(port, peer, false)) {
    peer.rpcs.join(rpcs.emplace_back());
    slots.request_started(port, false);
  }
  EXPECT_EQ(peer.rpcs.size(), 86U) << "eight ninths";
  Peer other;
  EXPECT_TRUE(slots.has_slot(port, other, false));
  for (Place& place : rpcs) peer.rpcs.leave(place);
}

TEST_F(AdmissionOfMany, AnAccountServesSoManyOnAllItsPorts) {
  AccountLimits limits;
  limits.served_max = 10;
  MemoryPressure pressure(QuotaShare::kUnlimited);
  Account small(AccountId{1}, limits, 10'000, pressure);
  std::array<LocalPort*, 2> ports{*slots.open(Port{90}, small, random),
                                  *slots.open(Port{91}, small, random)};
  std::size_t started = 0;
  for (; slots.has_slot(*ports[started % 2], peer, false); ++started) {
    slots.request_started(*ports[started % 2], false);
  }
  EXPECT_EQ(started, 10U);
  EXPECT_FALSE(slots.has_slot(*ports[1], peer, false));
  EXPECT_TRUE(slots.is_full(*ports[1]));
  EXPECT_TRUE(slots.has_slot(port, peer, false)) << "the other account has its own";
  small.ports.clear();
}

// Servers that never answer take the slots of others up to what is guaranteed to these.
TEST_F(AdmissionOfMany, WhatIsGuaranteedIsThereWhenAllElseIsUsed) {
  while (slots.has_slot(port, peer, false)) slots.request_started(port, false);
  MemoryPressure pressure(QuotaShare::kUnlimited);
  Account other(AccountId{1}, {}, 10'000, pressure);
  other.rpcs.guaranteed = 1;
  LocalPort& its_port = **slots.open(Port{90}, other, random);
  EXPECT_TRUE(slots.has_slot(its_port, peer, false));
  EXPECT_FALSE(slots.has_slot(its_port, peer, true)) << "strangers have no guarantee";
  other.rpcs.used = 1;
  EXPECT_FALSE(slots.has_slot(its_port, peer, false));
  other.ports.clear();
}

// A copy that the network made needs no answer. A sender that tries again gets one.
TEST_F(AdmissionTest, ARequestThatRanDoesNotRunAgain) {
  LocalPort& port = **admission.open(kServer, account, random);
  admission.request_started(port, false);
  admission.request_ended(port, peer, data.common.sender_id, false, true);
  EXPECT_EQ(admission.refusal_of_peer(port, peer, data)->reason, DropReason::kFinished);
  EXPECT_EQ(admission.refusal_of_peer(port, peer, data)->answer, ErrorCode::kOk);
  data.retransmit = 1;
  EXPECT_EQ(admission.refusal_of_peer(port, peer, data)->answer, ErrorCode::kStale);
}

TEST_F(AdmissionTest, ADrainingPortRefusesWhatDidNotRunBefore) {
  LocalPort& port = **admission.open(kServer, account, random);
  port.draining = true;
  ASSERT_TRUE(admission.refusal_of_peer(port, peer, data));
  EXPECT_EQ(admission.refusal_of_peer(port, peer, data)->answer, ErrorCode::kDraining);
  admission.request_started(port, false);
  admission.request_ended(port, peer, data.common.sender_id, false, true);
  data.retransmit = 1;
  EXPECT_EQ(admission.refusal_of_peer(port, peer, data)->answer, ErrorCode::kStale)
      << "draining would say that it was not executed";
}

}  // namespace
}  // namespace homa::core
