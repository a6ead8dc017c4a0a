#include "core/control_queue.h"

#include <gtest/gtest.h>

namespace homa::core {
namespace {

struct ControlQueueTest : testing::Test {
  ControlQueueTest() {
    peer.address = Address::v4(10, 0, 0, 2);
    peer.self = Identity{7ULL << 40};
    rpc.peer = &peer;
    rpc.is_client = true;
    rpc.client_id = WireId{100};
    rpc.local_port = Port{40'000};
    rpc.peer_port = Port{80};
  }

  trace::Recorder recorder{16};
  ControlQueue queue{recorder, 100'000};
  Peer peer;
  Rpc rpc;
};

TEST_F(ControlQueueTest, APacketIsEncodedCountedAndTraced) {
  EXPECT_TRUE(queue.empty());
  queue.resend(Time{}, rpc, {1'000, 3'000});
  ASSERT_FALSE(queue.empty());
  const TxPacket& packet = queue.front();
  EXPECT_EQ(packet.destination, peer.address);
  EXPECT_EQ(packet.priority, kHighestPriority);
  const auto parsed = wire::parse_resend(std::span(packet.header).first(packet.header_length));
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->common.sender_id, WireId{100});
  EXPECT_EQ(parsed->common.identity, peer.self);
  EXPECT_EQ(parsed->offset, 1'000U);
  EXPECT_EQ(parsed->length, 2'000U);
  EXPECT_EQ(recorder.counters.resends_sent, 1U);
  const auto records = recorder.records();
  ASSERT_EQ(records.size(), 2U);
  EXPECT_EQ(records[0].type, trace::EventType::resend_sent);
  EXPECT_EQ(records[1].type, trace::EventType::control_sent);
  EXPECT_EQ(records[1].a, raw(wire::PacketType::kResend));
  queue.pop();
  EXPECT_TRUE(queue.empty());
}

TEST_F(ControlQueueTest, AnAnswerGoesBackToItsSender) {
  wire::CommonHeader received;
  received.source_port = Port{50'000};
  received.destination_port = Port{80};
  received.sender_id = WireId{200};
  queue.unknown(Time{}, peer.way(), received);
  const auto parsed = wire::parse_common(queue.front().header);
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->type, wire::PacketType::kUnknown);
  EXPECT_EQ(parsed->source_port, Port{80});
  EXPECT_EQ(parsed->destination_port, Port{50'000});
  EXPECT_EQ(parsed->sender_id, WireId{201});
  EXPECT_EQ(parsed->identity, peer.self);
}

TEST_F(ControlQueueTest, IsBoundedAndCountsWhatItDrops) {
  for (std::size_t i = 0; i < ControlQueue::kMost + 5; ++i) queue.busy(Time{}, rpc.way(), rpc);
  EXPECT_EQ(recorder.counters.controls_dropped, 5U);
  std::size_t waiting = 0;
  for (; !queue.empty(); queue.pop()) ++waiting;
  EXPECT_EQ(waiting, ControlQueue::kMost);
}

}  // namespace
}  // namespace homa::core
