// The udp back end over the loopback. What all back ends have in common is in
// tests/system/io_conformance_test.cc.
#include <gtest/gtest.h>
#include "io/testing.h"

namespace homa::io {
namespace {

using namespace testing;  // NOLINT

std::unique_ptr<PacketIo> open_on(const std::string& address, std::uint32_t mtu = 0) {
  IoConfig config;
  config.address = address;
  config.udp_port = 0;
  config.mtu = mtu;
  auto io = open(config);
  EXPECT_TRUE(io.has_value()) << io.error().text;
  return io ? std::move(*io) : nullptr;
}

class Udp : public ::testing::TestWithParam<std::string> {
 protected:
  std::unique_ptr<PacketIo> a_ = open_on(GetParam(), 1500);
  std::unique_ptr<PacketIo> b_ = open_on(GetParam(), 1500);
  Address b_address_ = b_->capabilities().local;
};
INSTANTIATE_TEST_SUITE_P(Families, Udp, ::testing::Values("127.0.0.1", "::1"),
                         [](const auto& family) { return family.param == "::1" ? "V6" : "V4"; });

TEST_P(Udp, RunsCostOneSystemCallAndArriveWhole) {
  if (!a_->capabilities().segmentation) GTEST_SKIP() << "this kernel has no UDP segmentation";
  std::vector<Bytes> packets;
  for (std::uint32_t i = 0; i < 40; ++i) packets.push_back(make_packet(i == 39 ? 700 : 1400, i));
  std::vector<TxFrame> frames;
  for (const Bytes& packet : packets) frames.push_back(frame_of(packet, b_address_, 5));
  EXPECT_EQ(a_->send(frames), 40U);
  EXPECT_EQ(a_->statistics().send_calls, 1U);
  const auto received = receive_n(*b_, 40);
  ASSERT_EQ(received.size(), 40U);
  for (std::size_t i = 0; i < 40; ++i) EXPECT_EQ(received[i].bytes, packets[i]) << i;
  EXPECT_LT(b_->statistics().receive_calls, 40U);
}

TEST_P(Udp, MoreRunsThanOneCallTakesArriveWhole) {
  if (!a_->capabilities().segmentation) GTEST_SKIP() << "this kernel has no UDP segmentation";
  std::vector<Bytes> packets;
  for (std::uint32_t i = 0; i < 128; ++i) packets.push_back(make_packet(1400, i));
  std::vector<TxFrame> frames;
  for (const Bytes& packet : packets) frames.push_back(frame_of(packet, b_address_, 5));
  EXPECT_EQ(a_->send(frames), 128U);
  EXPECT_EQ(a_->statistics().send_calls, 2U);
  const auto received = receive_n(*b_, 128);
  ASSERT_EQ(received.size(), 128U);
  for (std::size_t i = 0; i < 128; ++i) EXPECT_EQ(received[i].bytes, packets[i]) << i;
}

TEST_P(Udp, ShortAndLongPacketsThatFormNoRunLeaveByOneCall) {
  std::vector<Bytes> packets;
  for (std::uint32_t i = 0; i < 40; ++i) packets.push_back(make_packet(i % 2 == 0 ? 64 : 1400, i));
  std::vector<TxFrame> frames;
  for (std::uint32_t i = 0; i < 40; ++i) {
    frames.push_back(frame_of(packets[i], b_address_, static_cast<std::uint8_t>(i % 8)));
  }
  EXPECT_EQ(a_->send(frames), 40U);
  EXPECT_EQ(a_->statistics().send_calls, 1U);
  const auto received = receive_n(*b_, 40);
  ASSERT_EQ(received.size(), 40U);
  for (std::size_t i = 0; i < 40; ++i) EXPECT_EQ(received[i].bytes, packets[i]) << i;
}

TEST_P(Udp, RunsEndAtTheKernelsLimits) {
  std::vector<Bytes> packets;
  for (std::uint32_t i = 0; i < 150; ++i) packets.push_back(make_packet(i < 70 ? 100 : 1400, i));
  std::vector<TxFrame> frames;
  for (const Bytes& packet : packets) frames.push_back(frame_of(packet, b_address_, 3));
  ASSERT_TRUE(send_all(*a_, frames));
  const auto received = receive_n(*b_, 150);
  ASSERT_EQ(received.size(), 150U);
  for (std::size_t i = 0; i < 150; ++i) EXPECT_EQ(received[i].bytes, packets[i]) << i;
  EXPECT_EQ(a_->statistics().send_refused, 0U);
}

TEST_P(Udp, RunsThatDoNotFitAreHandedOutInSeveralCalls) {
  std::vector<Bytes> packets;
  for (std::uint32_t i = 0; i < 30; ++i) packets.push_back(make_packet(1000, i));
  std::vector<TxFrame> frames;
  for (const Bytes& packet : packets) frames.push_back(frame_of(packet, b_address_));
  ASSERT_TRUE(send_all(*a_, frames));
  std::vector<Bytes> received;
  std::vector<RxFrame> held;
  std::array<RxFrame, 7> few;
  while (received.size() < 30) {
    const std::size_t n = b_->receive(few);
    ASSERT_GT(n, 0U);
    for (std::size_t i = 0; i < n; ++i) {
      received.emplace_back(few[i].bytes.begin(), few[i].bytes.end());
      held.push_back(few[i]);
    }
  }
  EXPECT_EQ(received, packets);
  // Released backwards, as any order is allowed, and then every buffer is there again.
  for (auto it = held.rbegin(); it != held.rend(); ++it) b_->release({&*it, 1});
  for (std::uint32_t i = 0; i < 1000; ++i) {
    ASSERT_TRUE(send_one(*a_, make_packet(64, i), b_address_));
    ASSERT_EQ(receive_n(*b_, 1).size(), 1U);
  }
}

TEST_P(Udp, JoinsPacketsUnderLoadOnlyAndHandsThemOutIntactAlways) {
  if (!a_->capabilities().segmentation) GTEST_SKIP() << "this kernel has no UDP segmentation";
  std::vector<Bytes> packets;
  for (std::uint32_t i = 0; i < 40; ++i) packets.push_back(make_packet(i == 39 ? 50 : 200, i));
  std::vector<TxFrame> burst;
  for (const Bytes& packet : packets) burst.push_back(frame_of(packet, b_address_, 5));
  std::array<RxFrame, 10> frames;  // a run takes several visits, but only one system call
  const auto calls_for_burst = [&] {
    const std::uint64_t before = b_->statistics().receive_calls;
    EXPECT_TRUE(send_all(*a_, burst));
    std::size_t received = 0;
    while (received < 40) {
      const std::size_t n = b_->receive(frames);
      EXPECT_GT(n, 0U);
      if (n == 0) break;
      for (std::size_t i = 0; i < n && received < 40; ++i, ++received) {
        EXPECT_TRUE(std::equal(frames[i].bytes.begin(), frames[i].bytes.end(),
                               packets[received].begin(), packets[received].end()));
      }
      b_->release(std::span(frames).first(n));
    }
    return b_->statistics().receive_calls - before;
  };
  const std::uint64_t at_first = calls_for_burst();
  EXPECT_GT(at_first, 4U);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(calls_for_burst(), 1U);
  for (std::uint32_t i = 0; i < 600; ++i) {  // quiet again
    ASSERT_TRUE(send_one(*a_, packets[i % 40], b_address_));
    ASSERT_EQ(b_->receive(frames), 1U);
    EXPECT_EQ(frames[0].bytes.size(), packets[i % 40].size());
    b_->release(std::span(frames).first(1));
    for (int idle = 0; idle < 4; ++idle) ASSERT_EQ(b_->receive(frames), 0U);
  }
  EXPECT_EQ(calls_for_burst(), at_first);
}

TEST_P(Udp, PacketsThatFoundNoRoomAreCounted) {
  std::vector<Bytes> packets(64, make_packet(1400, 1));
  std::vector<TxFrame> burst;
  for (const Bytes& packet : packets) burst.push_back(frame_of(packet, b_address_));
  for (int i = 0; i < 400; ++i) ASSERT_TRUE(send_all(*a_, burst));
  EXPECT_GT(b_->statistics().receive_dropped, 0U);
}

TEST_P(Udp, PollingAndPingPongCostOneSystemCallEach) {
  std::array<RxFrame, 64> frames;
  ASSERT_EQ(b_->receive(frames), 0U);
  EXPECT_EQ(b_->statistics().receive_calls, 1U);
  const Bytes ping = make_packet(100, 1);
  ASSERT_TRUE(send_one(*a_, ping, b_address_, 7));
  EXPECT_EQ(a_->statistics().send_calls, 1U);
  ASSERT_EQ(b_->receive(frames), 1U);
  EXPECT_EQ(b_->statistics().receive_calls, 2U);
  b_->release(std::span(frames).first(1));
}

TEST_P(Udp, AnErrorOfAnEarlierPacketCostsNoLaterOne) {
  auto c = open_on(GetParam());
  const Address closed = b_address_;
  b_.reset();
  const Bytes lost = make_packet(60, 1);
  const Bytes kept = make_packet(60, 2);
  for (int round = 0; round < 20; ++round) {
    ASSERT_TRUE(send_one(*a_, lost, closed));
    const std::array<TxFrame, 2> both{frame_of(kept, c->capabilities().local),
                                      frame_of(lost, closed)};
    ASSERT_TRUE(send_all(*a_, both));
    const auto received = receive_n(*c, 1);
    ASSERT_EQ(received.size(), 1U);
    EXPECT_EQ(received[0].bytes, kept);
  }
  EXPECT_EQ(a_->statistics().send_refused, 0U);
}

TEST(UdpAnyAddress, TakesBothFamiliesThroughOneSocket) {
  auto any = open_on("");
  const std::uint16_t port = any->capabilities().local.udp_port;
  for (const std::string address : {"127.0.0.1", "::1"}) {
    auto other = open_on(address);
    Address to = other->capabilities().local;
    to.udp_port = port;
    const Bytes ping = make_packet(200, 1);
    ASSERT_TRUE(send_one(*other, ping, to, 2)) << address;
    const auto received = receive_n(*any, 1);
    ASSERT_EQ(received.size(), 1U) << address;
    EXPECT_EQ(received[0].source, other->capabilities().local);
    const Bytes pong = make_packet(100, 2);
    ASSERT_TRUE(send_one(*any, pong, received[0].source, 2));
    const auto answer = receive_n(*other, 1);
    ASSERT_EQ(answer.size(), 1U) << address;
    EXPECT_EQ(answer[0].source, to);
    EXPECT_EQ(answer[0].bytes, pong);
  }
}

TEST(UdpOneFamily, RefusesTheOtherAsUnreachable) {
  auto v4 = open_on("127.0.0.1");
  const auto v6_address = Address::parse("::1");
  ASSERT_TRUE(v6_address);
  const Bytes packet = make_packet(100, 1);
  EXPECT_TRUE(send_one(*v4, packet, *v6_address));
  const auto errors = receive_errors(*v4);
  ASSERT_EQ(errors.size(), 1U);
  EXPECT_EQ(errors[0].kind, IoError::Kind::kHostUnreachable);
  EXPECT_EQ(errors[0].peer, *v6_address);
  EXPECT_EQ(v4->statistics().send_refused, 1U);
}

}  // namespace
}  // namespace homa::io
