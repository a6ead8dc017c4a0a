#include "core/timeouts.h"

#include "core/parts_fixture.h"

namespace homa::core {
namespace {

using wire::PacketType;

struct TimeoutsTest : PartsTest {
  // Lets so many ticks pass.
  void pass(std::uint32_t ticks) {
    for (std::uint32_t i = 0; i < ticks; ++i) {
      state.now += state.config.tick;
      timeouts.on_time(state.now);
      for (const TxPacket& packet : PartsTest::sent()) said.push_back(packet);
    }
  }
  std::size_t said_of(PacketType type) const { return count(said, type); }

  std::vector<TxPacket> said;
};

TEST_F(TimeoutsTest, ASilentServerIsAskedAndThenGivenUp) {
  call(1, 10);
  sent();
  pass(state.config.resend_ticks + 1);
  EXPECT_EQ(said_of(PacketType::kResend), 1U);
  pass(state.config.timeout_ticks);
  EXPECT_EQ(state.rpcs.size(), 0U);
  EXPECT_GE(said_of(PacketType::kResend), state.config.timeout_questions);
  EXPECT_EQ(recorder.counters.hosts_silent + recorder.counters.rpcs_timed_out, 2U);
}

TEST_F(TimeoutsTest, AServerThatSaysSoIsWaitedFor) {
  const RpcId id = call(1, 10);
  sent();
  for (int i = 0; i < 100; ++i) {
    pass(5);
    Rpc* rpc = state.rpcs.find(id);
    ASSERT_NE(rpc, nullptr);
    rpc->peer->liveness.heard(state.now);
    timeouts.heard(state.now, *rpc);
  }
  EXPECT_EQ(said_of(PacketType::kError), 0U);
}

TEST_F(TimeoutsTest, WhatIsMissingIsAskedForGapByGap) {
  Peer& peer = proved(1);
  request(peer, 100, 10'000, 1'000);
  Rpc& rpc = *served(peer, 100);
  rpc.grant.granted = 10'000;
  rpc.in.add({2'000, 3'000});
  rpc.in.add({4'000, 5'000});
  timeouts.ask_again(state.now, rpc);
  std::vector<std::uint32_t> offsets;
  for (const TxPacket& packet : sent()) {
    const auto resend = wire::parse_resend({packet.header.data(), packet.header_length});
    ASSERT_TRUE(resend);
    offsets.push_back(resend->offset);
  }
  EXPECT_EQ(offsets, (std::vector<std::uint32_t>{1'000, 3'000, 5'000}));
}

TEST_F(TimeoutsTest, AServerAsksForItsAckAndForgetsAtLast) {
  Peer& peer = proved(1);
  answered(peer, 100, 10);
  sent();
  pass(state.config.request_ack_ticks);
  EXPECT_EQ(said_of(PacketType::kNeedAck), 1U);
  pass(static_cast<std::uint32_t>(state.config.need_ack_give_up / state.config.tick) * 7);
  EXPECT_EQ(served(peer, 100), nullptr);
  EXPECT_EQ(recorder.counters.need_ack_given_up, 1U);
}

TEST_F(TimeoutsTest, AMessageThatWaitsLongForMemoryFailsAndItsClientLearnsWhy) {
  Peer& peer = proved(1);
  std::uint64_t id = 100;
  while (request(peer, id, 90'000, 1'000).kind == RxOutcome::Kind::kDeliver) id += 2;
  ASSERT_TRUE(served(peer, id)->buffer.waits());
  // The others go on, so that nothing else ends.
  const auto ticks =
      static_cast<std::uint32_t>(state.config.buffer_wait_max / state.config.tick) + 1;
  for (std::uint32_t i = 0; i < ticks; ++i) {
    peer.liveness.heard(state.now);
    for (std::uint64_t other = 100; other < id; other += 2) {
      if (Rpc* rpc = served(peer, other)) {
        timeouts.heard(state.now, *rpc);
        rpc->progress.begin(state.now, 0);
      }
    }
    pass(1);
  }
  EXPECT_EQ(served(peer, id), nullptr);
  EXPECT_EQ(recorder.counters.buffer_waits_given_up, 1U);
  EXPECT_EQ(said_of(PacketType::kError), 1U);
}

TEST_F(TimeoutsTest, WhoIsSaidToBeGoneIsAskedAtOnceAboutOneRpc) {
  call(1, 10);
  call(1, 20);
  sent();
  Peer& peer = *state.peers.at(host(1));
  timeouts.ask_sooner(state.now, peer);
  timeouts.ask_sooner(state.now, peer);  // the same instant: no other question
  EXPECT_EQ(count(sent(), PacketType::kResend), 1U);
}

}  // namespace
}  // namespace homa::core
