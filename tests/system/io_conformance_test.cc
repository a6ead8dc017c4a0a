// What every back end must do alike, over the loopback and between two hosts. A new back end joins
// by a word in the lists at the end.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <net/ethernet.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <thread>

#include "base/descriptor.h"
#include "io/frame_decode.h"
#include "io/testing.h"
#include "namespace.h"

namespace homa::io {
namespace {

using namespace std::chrono_literals;
using namespace testing;  // NOLINT
using homa::testing::TwoHosts;

struct BackEnd {
  std::string backend;
  bool ipv6 = false;
  bool two_hosts = true;  // or both ends on this host's loopback
};

class IoConformance : public ::testing::TestWithParam<BackEnd> {
 protected:
  void SetUp() override {
    if (GetParam().two_hosts) {
      std::string reason;
      hosts_ = TwoHosts::create(reason);
      if (!hosts_) GTEST_SKIP() << reason;
    }
    a_ = open_end(1);
    b_ = open_end(2);
    ASSERT_TRUE(a_ && b_);
    to_a_ = a_->capabilities().local;
    to_b_ = b_->capabilities().local;
    limit_ = a_->capabilities().packet_bytes_max;
  }

  std::unique_ptr<PacketIo> open_end(int end) {
    const BackEnd& param = GetParam();
    IoConfig config;
    config.backend = param.backend;
    if (!param.two_hosts) {
      config.address = param.ipv6 ? "::1" : "127.0.0." + std::to_string(end);
      config.udp_port = 0;
    } else {
      config.address = (param.ipv6 ? "fd77::" : "10.77.0.") + std::to_string(end);
    }
    const auto open_it = [&] { return open(config); };
    auto io = !hosts_ ? open_it() : (end == 1 ? hosts_->a : hosts_->b)->inside(open_it);
    EXPECT_TRUE(io.has_value()) << io.error().text;
    return io ? std::move(*io) : nullptr;
  }

  std::unique_ptr<TwoHosts> hosts_;
  std::unique_ptr<PacketIo> a_, b_;
  Address to_a_, to_b_;
  std::size_t limit_ = 0;
};

std::string name_of(const ::testing::TestParamInfo<BackEnd>& info) {
  return info.param.backend + (info.param.ipv6 ? "_v6" : "_v4") +
         (info.param.two_hosts ? "_two_hosts" : "_loopback");
}

TEST_P(IoConformance, PacketsOfEveryLengthArriveIntactBothWays) {
  for (const std::size_t length : {std::size_t{28}, std::size_t{29}, std::size_t{33},
                                   std::size_t{80}, std::size_t{156}, std::size_t{1000}, limit_}) {
    const Bytes there = make_packet(length, 1);
    const Bytes back = make_packet(length, 2);
    ASSERT_TRUE(send_one(*a_, there, to_b_));
    const auto at_b = receive_n(*b_, 1);
    ASSERT_EQ(at_b.size(), 1U) << length;
    EXPECT_EQ(at_b[0].bytes, there);
    EXPECT_EQ(at_b[0].source, to_a_);
    ASSERT_TRUE(send_one(*b_, back, at_b[0].source));
    const auto at_a = receive_n(*a_, 1);
    ASSERT_EQ(at_a.size(), 1U) << length;
    EXPECT_EQ(at_a[0].bytes, back);
    EXPECT_EQ(at_a[0].source, to_b_);
  }
}

TEST_P(IoConformance, BatchesArriveInOrder) {
  std::vector<Bytes> packets;
  for (std::uint32_t i = 0; i < 200; ++i) {
    packets.push_back(make_packet(i % 7 == 0 ? 28 + i : std::min<std::size_t>(1400, limit_), i));
  }
  std::vector<TxFrame> frames;
  for (const Bytes& packet : packets) frames.push_back(frame_of(packet, to_b_, 4));
  ASSERT_TRUE(send_all(*a_, frames));
  const auto received = receive_n(*b_, 200);
  ASSERT_EQ(received.size(), 200U);
  for (std::size_t i = 0; i < 200; ++i) EXPECT_EQ(received[i].bytes, packets[i]) << i;
  EXPECT_EQ(a_->statistics().frames_sent, 200U);
  EXPECT_EQ(b_->statistics().frames_received, 200U);
  EXPECT_LT(a_->statistics().send_calls, 200U);
  EXPECT_LT(b_->statistics().receive_calls, 200U);
}

TEST_P(IoConformance, WhatTheReceiverHoldsIsNotOverwritten) {
  // More than any back end has buffers for.
  std::vector<Bytes> packets;
  for (std::uint32_t i = 0; i < 5000; ++i) packets.push_back(make_packet(100 + i % 50, i));
  std::vector<RxFrame> held;
  std::vector<std::size_t> which;
  std::array<RxFrame, 64> frames;
  std::size_t received = 0;
  for (const Bytes& packet : packets) {
    ASSERT_TRUE(send_one(*a_, packet, to_b_));
    const std::size_t n = b_->receive(frames);
    held.insert(held.end(), frames.begin(), frames.begin() + static_cast<std::ptrdiff_t>(n));
    received += n;
  }
  EXPECT_GT(received, 64U);
  for (std::size_t i = 0; i < held.size(); ++i) {
    ASSERT_TRUE(std::equal(held[i].bytes.begin(), held[i].bytes.end(), packets[i].begin(),
                           packets[i].end()))
        << i;
  }
  b_->release(held);
  while (!receive_n(*b_, 1000, 50ms).empty()) continue;
  ASSERT_TRUE(send_one(*a_, packets[0], to_b_));
  EXPECT_EQ(receive_n(*b_, 1).size(), 1U);
}

TEST_P(IoConformance, ATooLongPacketIsDroppedAlone) {
  const Bytes good = make_packet(limit_, 1);
  const Bytes bad = make_packet(limit_ + 1, 2);
  const std::array<TxFrame, 3> frames{frame_of(good, to_b_), frame_of(bad, to_b_),
                                      frame_of(good, to_b_)};
  EXPECT_TRUE(send_all(*a_, frames));
  EXPECT_EQ(receive_n(*b_, 2).size(), 2U);
  EXPECT_EQ(receive_n(*b_, 1, 50ms).size(), 0U);
  EXPECT_EQ(a_->statistics().frames_sent, 2U);
  EXPECT_EQ(a_->statistics().send_refused, 1U);
}

TEST_P(IoConformance, WaitEndsByAPacketByTheWakeDescriptorOrByTheClock) {
  while (!receive_n(*b_, 1, 20ms).empty()) continue;
  const auto start = std::chrono::steady_clock::now();
  b_->wait(2ms, -1);
  EXPECT_GE(std::chrono::steady_clock::now() - start, 2ms);
  const int wake = eventfd(1, EFD_CLOEXEC);
  b_->wait(10s, wake);
  ::close(wake);
  ASSERT_TRUE(send_one(*a_, make_packet(50, 1), to_b_));
  b_->wait(10s, -1);
  EXPECT_LT(std::chrono::steady_clock::now() - start, 5s);
  EXPECT_EQ(receive_n(*b_, 1).size(), 1U);
}

TEST_P(IoConformance, ASleeperIsWokenByAPacket) {
  std::chrono::steady_clock::time_point sent;
  std::thread sender([&] {
    std::this_thread::sleep_for(20ms);
    sent = std::chrono::steady_clock::now();
    EXPECT_TRUE(send_one(*a_, make_packet(50, 1), to_b_));
  });
  EXPECT_EQ(receive_n(*b_, 1, 5s).size(), 1U);
  const auto woken = std::chrono::steady_clock::now();
  sender.join();
  EXPECT_LT(woken - sent, 1s);
}

// Where there is a wire, and the hosts are for us to change.
class IoBetweenHosts : public IoConformance {};
// And packets go through Linux's network stack, which can be watched and slowed down.
class IoThroughLinux : public IoConformance {};

// IP packets that reach host b, as its kernel sees them.
class Sniffer {
 public:
  explicit Sniffer(TwoHosts& hosts)
      : socket_(hosts.b->inside(
            [] { return ::socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, htons(ETH_P_ALL)); })) {
    const timeval patience{1, 0};
    setsockopt(socket_.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  }
  // The next one with Homa in it; `found` points into this object. False: none came in a second.
  bool next(IpPacket& ip, HomaPart& homa) {
    while (true) {
      const ssize_t length = recv(socket_.get(), bytes_.data(), bytes_.size(), 0);
      if (length <= 0) return false;
      const auto decoded = decode_ip(std::span(bytes_).first(static_cast<std::size_t>(length)));
      const std::array<std::uint16_t, 1> ports{kDefaultUdpPort};
      const auto found = decoded ? find_homa(*decoded, ports) : std::nullopt;
      if (!found) continue;
      ip = *decoded;
      homa = *found;
      return true;
    }
  }

 private:
  base::Descriptor socket_;
  std::array<std::byte, 65'536> bytes_;
};

TEST_P(IoThroughLinux, PrioritiesReachTheNetworkAndNothingIsAdded) {
  if (!a_->capabilities().priorities) GTEST_SKIP() << "this back end has no priorities";
  Sniffer sniffer(*hosts_);
  for (std::uint8_t priority = 0; priority < 8; ++priority) {
    const Bytes packet = make_packet(100, priority);
    ASSERT_TRUE(send_one(*a_, packet, to_b_, priority));
    IpPacket ip;
    HomaPart homa;
    ASSERT_TRUE(sniffer.next(ip, homa));
    EXPECT_EQ(ip.traffic_class, priority << 5);
    EXPECT_EQ(ip.hop_limit, 64);
    EXPECT_EQ(ip.protocol, GetParam().backend == "raw" ? kHomaProtocol : kUdpProtocol);
    EXPECT_TRUE(std::equal(homa.bytes.begin(), homa.bytes.end(), packet.begin(), packet.end()));
  }
}

TEST_P(IoConformance, AHostWithoutHomaIsReportedWithTheQuotedHeader) {
  b_.reset();
  const Bytes packet = make_packet(300, 9);
  std::vector<IoError> errors;
  for (int attempt = 0; attempt < 3 && errors.empty(); ++attempt) {  // ICMP is rate-limited
    ASSERT_TRUE(send_one(*a_, packet, to_b_));
    errors = receive_errors(*a_);
  }
  ASSERT_EQ(errors.size(), 1U);
  EXPECT_EQ(errors[0].kind, IoError::Kind::kProtocolUnreachable);
  EXPECT_EQ(errors[0].peer, to_b_);
  ASSERT_EQ(errors[0].quoted_length, 28U);
  EXPECT_TRUE(std::equal(errors[0].quoted.begin(), errors[0].quoted.end(), packet.begin()));
}

TEST_P(IoBetweenHosts, AClosedHomaPortIsReportedWhereTheKernelsHomaWould) {
  const Bytes packet = make_packet(300, 9);
  ASSERT_TRUE(send_one(*a_, packet, to_b_));
  b_->wait(1s, -1);
  std::array<RxFrame, 8> frames;
  ASSERT_EQ(b_->receive(frames), 1U);
  b_->refuse(frames[0]);
  b_->release(std::span(frames).first(1));
  const auto errors = receive_errors(*a_);
  if (a_->capabilities().carrier != Carrier::kIp) {
    EXPECT_TRUE(errors.empty()) << "hosts that use UDP know our ERROR packet";
    return;
  }
  ASSERT_EQ(errors.size(), 1U);
  EXPECT_EQ(errors[0].kind, IoError::Kind::kPortUnreachable);
  EXPECT_EQ(errors[0].peer, to_b_);
  ASSERT_EQ(errors[0].quoted_length, 28U);
  EXPECT_TRUE(std::equal(errors[0].quoted.begin(), errors[0].quoted.end(), packet.begin()));
}

TEST_P(IoBetweenHosts, AnAddressWithoutARouteIsReported) {
  const auto nowhere = Address::parse(GetParam().ipv6 ? "fd99::1" : "10.99.0.1");
  ASSERT_TRUE(nowhere);
  const Bytes packet = make_packet(100, 9);
  ASSERT_TRUE(send_one(*a_, packet, *nowhere));
  const auto errors = receive_errors(*a_);
  ASSERT_EQ(errors.size(), 1U);
  EXPECT_EQ(errors[0].kind, IoError::Kind::kHostUnreachable);
  EXPECT_EQ(errors[0].peer, *nowhere);
  EXPECT_EQ(a_->statistics().send_refused, 1U);
}

TEST_P(IoThroughLinux, AFullDeviceTakesTheRestLater) {
  ASSERT_TRUE(hosts_->a->run("tc qdisc add dev net0 root tbf rate 20mbit burst 3000 limit 6000"));
  const Bytes packet = make_packet(1400, 1);
  // No two alike: of a run, the kernel loses what finds no room, and says nothing.
  std::vector<TxFrame> frames;
  for (std::uint8_t i = 0; i < 64; ++i) frames.push_back(frame_of(packet, to_b_, i % 2));
  const std::size_t taken = a_->send(frames);
  EXPECT_LT(taken, 64U);
  EXPECT_GT(taken, 0U);
  // 64 packets of 1442 bytes at 20 Mbit/s take 37 ms.
  std::size_t sent = taken;
  const auto end = std::chrono::steady_clock::now() + 2s;
  while (sent < 64 && std::chrono::steady_clock::now() < end) {
    std::this_thread::sleep_for(1ms);
    sent += a_->send(std::span(frames).subspan(sent));
  }
  EXPECT_EQ(sent, 64U);
  EXPECT_GE(receive_n(*b_, 64).size(), 64U);
}

const BackEnd kLoopback[] = {{"udp", false, false}, {"udp", true, false}};
const BackEnd kBetweenHosts[] = {{"udp", false}, {"udp", true},  {"raw", false},
                                 {"raw", true},  {"xdp", false}, {"xdp", true}};
const BackEnd kThroughLinux[] = {{"udp", false}, {"udp", true}, {"raw", false}, {"raw", true}};
INSTANTIATE_TEST_SUITE_P(Loopback, IoConformance, ::testing::ValuesIn(kLoopback), name_of);
INSTANTIATE_TEST_SUITE_P(Hosts, IoConformance, ::testing::ValuesIn(kBetweenHosts), name_of);
INSTANTIATE_TEST_SUITE_P(Hosts, IoBetweenHosts, ::testing::ValuesIn(kBetweenHosts), name_of);
INSTANTIATE_TEST_SUITE_P(Hosts, IoThroughLinux, ::testing::ValuesIn(kThroughLinux), name_of);

}  // namespace
}  // namespace homa::io
