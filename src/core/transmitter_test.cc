#include "core/transmitter.h"

#include "core/parts_fixture.h"

namespace homa::core {
namespace {

using wire::PacketType;

CoreConfig slow_link() {
  CoreConfig config;
  config.link_bits_per_second = 1'000'000'000;
  config.rpcs_max = 64;
  return config;
}

struct TransmitterTest : PartsTest {};
struct PacedTransmitterTest : PartsTest {
  PacedTransmitterTest() : PartsTest(slow_link()) {}
};

TEST_F(TransmitterTest, NothingToSendIsNothingToDo) {
  EXPECT_FALSE(transmitter.ready());
  EXPECT_TRUE(sent().empty());
  EXPECT_EQ(transmitter.next_deadline(), kNever);
}

TEST_F(TransmitterTest, ControlPacketsComeFirstAndShortMessagesBeforeLongOnes) {
  call(1, 20'000);
  const RpcId short_call = call(2, 100);
  Rpc& rpc = *state.rpcs.find(short_call);
  state.controls.busy(kStart, rpc.way(), rpc);
  EXPECT_TRUE(transmitter.ready());
  const auto packets = sent();
  ASSERT_GT(packets.size(), 3U);
  EXPECT_EQ(type_of(packets[0]), PacketType::kBusy);
  EXPECT_EQ(packets[1].transmit_token, TransmitToken{100});
  EXPECT_EQ(packets[2].transmit_token, TransmitToken{20'000});
  EXPECT_FALSE(transmitter.ready());
}

TEST_F(TransmitterTest, NoMorePacketsThanThereIsRoomFor) {
  call(1, 20'000);
  std::array<TxPacket, 3> room;
  EXPECT_EQ(transmitter.transmit(kStart, {}, room), 3U);
  EXPECT_TRUE(transmitter.ready());
  EXPECT_EQ(room[2].payload_offset, 2 * state.config.payload_bytes_max);
}

TEST_F(TransmitterTest, OnlyUnscheduledBytesGoWithoutAGrant) {
  const RpcId id = call(1, 90'000);
  sent();
  Rpc& rpc = *state.rpcs.find(id);
  EXPECT_EQ(rpc.out.sent(), state.config.unscheduled_bytes);
  rpc.out.grant(50'000);
  rpc.out.link->queue.update(rpc.out);
  sent();
  EXPECT_GE(rpc.out.sent(), 50'000U);
  EXPECT_LT(rpc.out.sent(), 50'000 + rpc.out.payload_max()) << "the last packet is a whole one";
}

TEST_F(PacedTransmitterTest, APacedLinkTakesWhatItCanCarryAndSaysWhenItGoesOn) {
  call(1, 40'000);
  const auto packets = sent();
  EXPECT_GE(packets.size(), 1U);
  EXPECT_LT(packets.size(), 4U);
  const Time next = transmitter.next_deadline();
  EXPECT_GT(next, kStart);
  EXPECT_LT(next, kStart + std::chrono::microseconds(50));
  EXPECT_TRUE(sent().empty());
  state.now = next;
  EXPECT_FALSE(sent().empty());
}

TEST_F(PacedTransmitterTest, ADeviceThatReportsALongQueueGetsNothing) {
  call(1, 40'000);
  EXPECT_TRUE(sent({.device_queue_bytes = 1'000'000'000}).empty());
}

TEST_F(PacedTransmitterTest, AMessageGoesByTheLinkOfItsPeer) {
  call(1, 40'000);
  call(2, 40'000);
  transmitter.on_path(kStart, {host(2), 1'500, 7, 10'000'000});
  sent();
  // The slow link has taken one packet of its message, and holds up nothing of the other.
  EXPECT_EQ(state.peers.at(host(1))->link, nullptr);
  ASSERT_NE(state.peers.at(host(2))->link, nullptr);
  EXPECT_EQ(state.peers.at(host(2))->link->device, 7U);
  state.now += std::chrono::microseconds(100);
  for (const TxPacket& packet : sent()) EXPECT_EQ(packet.destination, host(1));
}

TEST_F(TransmitterTest, AKnownPathBoundsThePackets) {
  call(1, 20'000);
  EXPECT_EQ(transmitter.path_questions().next(), host(1));
  transmitter.on_path(kStart, {host(1), 556, 0, 0});
  for (const TxPacket& packet : sent()) EXPECT_LE(packet.payload_length, 500U);
}

TEST_F(TransmitterTest, APacketThatDidNotFitGoesAgainShorter) {
  const RpcId id = call(1, 20'000);
  const auto packets = sent();
  transmitter.on_path(kStart, {host(1), 556, 0, 0});
  const TxPacket& refused = packets[2];
  transmitter.on_too_big(kStart, host(1), {refused.header.data(), refused.header_length});
  const auto again = sent();
  ASSERT_FALSE(again.empty());
  EXPECT_EQ(again[0].payload_offset, refused.payload_offset);
  EXPECT_LE(again[0].payload_length, 500U);
  EXPECT_EQ(recorder.counters.messages_cut, 1U);
  // Of another host, or not of ours: nothing happens.
  transmitter.on_too_big(kStart, host(3), {refused.header.data(), refused.header_length});
  transmitter.on_too_big(kStart, host(1), {});
  EXPECT_TRUE(sent().empty());
  EXPECT_NE(state.rpcs.find(id), nullptr);
}

TEST_F(TransmitterTest, AQuotedPacketIsFoundByItsIdPortsAndAddress) {
  const RpcId id = call(1, 100);
  const auto packets = sent();
  ASSERT_EQ(packets.size(), 1U);
  auto common = wire::parse_common({packets[0].header.data(), packets[0].header_length}).value();
  EXPECT_EQ(transmitter.find_quoted(host(1), common), state.rpcs.find(id));
  EXPECT_EQ(transmitter.find_quoted(host(2), common), nullptr);
  common.destination_port = Port{81};
  EXPECT_EQ(transmitter.find_quoted(host(1), common), nullptr);
}

}  // namespace
}  // namespace homa::core
