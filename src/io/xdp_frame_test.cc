#include "io/xdp_frame.h"

#include <gtest/gtest.h>

#include <cstring>
#include <vector>

#include "base/bytes.h"

namespace homa::io {
namespace {

constexpr MacAddress kFrom = {2, 0, 0, 0, 0, 1};
constexpr MacAddress kTo = {2, 0, 0, 0, 0, 2};
const Address kV4 = Address::v4(10, 1, 2, 3, 7000);
const Address kV4Peer = Address::v4(10, 1, 2, 4);
const Address kV6{{0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}, 7000};
const Address kV6Peer{{0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2}};

std::vector<std::byte> frame(Carrier carrier, const Address& from, const Address& to,
                             std::size_t homa_bytes, std::uint8_t priority) {
  const FrameHeaders headers(carrier, kFrom, kTo, from, to);
  std::vector<std::byte> bytes(headers.size() + homa_bytes);
  for (std::size_t i = 0; i < homa_bytes; ++i) {
    bytes[headers.size() + i] = static_cast<std::byte>(i * 7 + 3);
  }
  headers.write(bytes.data(), static_cast<std::uint32_t>(homa_bytes), priority);
  return bytes;
}

// The textbook sum, in 16-bit steps: 0xffff over data with its checksum in place.
std::uint16_t plain_sum(std::span<const std::byte> bytes, std::uint32_t sum = 0) {
  for (std::size_t i = 0; i < bytes.size(); i += 2) {
    const auto high = std::to_integer<std::uint32_t>(bytes[i]);
    const auto low = i + 1 < bytes.size() ? std::to_integer<std::uint32_t>(bytes[i + 1]) : 0U;
    sum += (high << 8) | low;
    sum = (sum & 0xffff) + (sum >> 16);
  }
  return static_cast<std::uint16_t>(sum);
}

TEST(XdpFrame, WhatIsWrittenIsParsedAgain) {
  for (const auto carrier : {Carrier::kUdp, Carrier::kIp}) {
    for (const bool v4 : {true, false}) {
      const auto bytes = frame(carrier, v4 ? kV4 : kV6, v4 ? kV4Peer : kV6Peer, 101, 5);
      const auto parsed = parse_frame(bytes);
      ASSERT_TRUE(parsed);
      EXPECT_EQ(parsed->carrier, carrier);
      EXPECT_EQ(parsed->source.ip, (v4 ? kV4 : kV6).ip);
      EXPECT_EQ(parsed->source.udp_port, carrier == Carrier::kUdp ? 7000 : kDefaultUdpPort);
      EXPECT_EQ(parsed->length, 101U);
      EXPECT_EQ(parsed->offset, 14 + network_header_bytes(v4, carrier));
    }
  }
}

TEST(XdpFrame, Ipv4HeaderChecksumHoldsForEveryPriorityAndLength) {
  for (std::uint8_t priority = 0; priority < 8; ++priority) {
    for (const std::size_t length : {28U, 29U, 84U, 1000U, 1480U}) {
      const auto bytes = frame(Carrier::kIp, kV4, kV4Peer, length, priority);
      EXPECT_EQ(plain_sum(std::span(bytes).subspan(14, 20)), 0xffff);
      EXPECT_EQ(bytes[15], static_cast<std::byte>(priority << 5));
    }
  }
}

TEST(XdpFrame, UdpOverIpv6CarriesAValidChecksum) {
  for (const std::size_t length : {28U, 29U, 84U, 85U, 1001U, 1452U}) {
    const auto bytes = frame(Carrier::kUdp, kV6, kV6Peer, length, 7);
    const std::span all(bytes);
    std::uint32_t pseudo = plain_sum(all.subspan(14 + 8, 32));
    pseudo += static_cast<std::uint32_t>(length + 8) + 17;
    EXPECT_EQ(plain_sum(all.subspan(14 + 40), pseudo), 0xffff) << length;
    EXPECT_EQ(std::to_integer<unsigned>(bytes[14]) & 0x0f, 0x0eU);  // traffic class, upper half
    EXPECT_EQ(std::to_integer<unsigned>(bytes[15]) & 0xf0, 0U);
  }
}

TEST(XdpFrame, EthernetPaddingIsNotPartOfThePacket) {
  auto bytes = frame(Carrier::kUdp, kV4, kV4Peer, 28, 0);
  bytes.resize(bytes.size() + 18);
  const auto parsed = parse_frame(bytes);
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->length, 28U);
}

TEST(XdpFrame, EveryCutIsRefused) {
  for (const auto carrier : {Carrier::kUdp, Carrier::kIp}) {
    for (const bool v4 : {true, false}) {
      const auto bytes = frame(carrier, v4 ? kV4 : kV6, v4 ? kV4Peer : kV6Peer, 60, 1);
      for (std::size_t length = 0; length < bytes.size(); ++length) {
        EXPECT_FALSE(parse_frame(std::span(bytes).first(length))) << length;
      }
    }
  }
}

TEST(XdpFrame, LengthsThatLieAreRefused) {
  auto bytes = frame(Carrier::kUdp, kV4, kV4Peer, 60, 1);
  auto ip_short = bytes;
  base::store_big_endian<std::uint16_t>(ip_short.data() + 16, 19);
  EXPECT_FALSE(parse_frame(ip_short));
  auto udp_long = bytes;
  base::store_big_endian<std::uint16_t>(udp_long.data() + 38, 69);
  EXPECT_FALSE(parse_frame(udp_long));
  auto udp_short = bytes;
  base::store_big_endian<std::uint16_t>(udp_short.data() + 38, 7);
  EXPECT_FALSE(parse_frame(udp_short));
  auto tcp = bytes;
  tcp[23] = std::byte{6};
  EXPECT_FALSE(parse_frame(tcp));
}

}  // namespace
}  // namespace homa::io
