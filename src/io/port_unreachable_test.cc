#include "io/port_unreachable.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/ip_icmp.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>

#include "io/checksum.h"
#include "system/namespace.h"

namespace homa::io {
namespace {

using testing::Namespace;

// Over loopback, in a namespace of its own: no other ICMP message is there.
class PortUnreachableTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string reason;
    host_ = Namespace::create(reason);
    if (!host_) GTEST_SKIP() << reason;
    host_->inside([&] {
      icmp_ = base::Descriptor(socket(AF_INET, SOCK_RAW | SOCK_NONBLOCK, IPPROTO_ICMP));
      ASSERT_TRUE(icmp_.valid());
      auto opened = PortUnreachable::open(local_);
      ASSERT_TRUE(opened) << opened.error().text;
      unreachable_.emplace(std::move(*opened));
    });
    for (std::size_t i = 0; i < packet_.size(); ++i) packet_[i] = static_cast<std::byte>(i);
  }
  // One IP packet with an ICMP message; empty: none came.
  std::vector<std::byte> received() {
    pollfd ready{icmp_.get(), POLLIN, 0};
    if (poll(&ready, 1, 0) != 1) return {};
    std::vector<std::byte> bytes(2'000);
    const ssize_t length = recv(icmp_.get(), bytes.data(), bytes.size(), 0);
    bytes.resize(length < 0 ? 0 : static_cast<std::size_t>(length));
    return bytes;
  }
  RxFrame frame(std::size_t length) const {
    return {.source = client_, .bytes = std::span(packet_).first(length), .priority = 3};
  }

  const Address local_ = Address::v4(127, 0, 0, 1), client_ = Address::v4(127, 0, 0, 2);
  std::array<std::byte, 1'480> packet_{};
  std::unique_ptr<Namespace> host_;
  base::Descriptor icmp_;
  std::optional<PortUnreachable> unreachable_;
};

TEST_F(PortUnreachableTest, QuotesThePacketAsIpProtocol146) {
  unreachable_->send(frame(100));
  const auto bytes = received();
  ASSERT_EQ(bytes.size(), 20U + 8 + 20 + 100);
  const auto message = std::span(bytes).subspan(20);
  EXPECT_EQ(message[0], std::byte{ICMP_DEST_UNREACH});
  EXPECT_EQ(message[1], std::byte{ICMP_PORT_UNREACH});
  EXPECT_EQ(fold(sum_words(message)), 0xffff) << "its checksum is right";
  const auto quoted = message.subspan(8);
  EXPECT_EQ(quoted[0], std::byte{0x45});
  EXPECT_EQ(quoted[9], std::byte{146});
  EXPECT_TRUE(std::equal(quoted.begin() + 12, quoted.begin() + 16,
                         reinterpret_cast<const std::byte*>(client_.ip.data() + 12)));
  EXPECT_TRUE(std::equal(quoted.begin() + 16, quoted.begin() + 20,
                         reinterpret_cast<const std::byte*>(local_.ip.data() + 12)));
  EXPECT_TRUE(std::equal(quoted.begin() + 20, quoted.end(), packet_.begin()));
}

TEST_F(PortUnreachableTest, QuotesTheBeginningOfALongPacket) {
  unreachable_->send(frame(packet_.size()));
  const auto bytes = received();
  ASSERT_EQ(bytes.size(), 20U + 8 + 512);
  EXPECT_TRUE(std::equal(bytes.begin() + 48, bytes.end(), packet_.begin()));
}

TEST_F(PortUnreachableTest, SaysNothingToAnotherFamily) {
  RxFrame packet = frame(100);
  packet.source = *Address::parse("::1");
  unreachable_->send(packet);
  EXPECT_TRUE(received().empty());
}

TEST_F(PortUnreachableTest, SendsABoundedNumberInOneSecond) {
  std::size_t came = 0;
  for (int i = 0; i < 900; ++i) {
    unreachable_->send(frame(100));
    if (!received().empty()) ++came;
  }
  EXPECT_EQ(came, 900U);
  // The bound is 1,000; a test that took longer than a second would count several of them.
  const auto began = std::chrono::steady_clock::now();
  for (int i = 0; i < 3'000; ++i) unreachable_->send(frame(28));
  if (std::chrono::steady_clock::now() - began > std::chrono::milliseconds(500)) return;
  for (came = 0; !received().empty();) ++came;
  EXPECT_LE(came, 1'000U);
}

}  // namespace
}  // namespace homa::io
