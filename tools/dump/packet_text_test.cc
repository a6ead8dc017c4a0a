#include "tools/dump/packet_text.h"

#include <gtest/gtest.h>

#include <array>
#include <nlohmann/json.hpp>
#include <random>
#include <vector>

#include "support/hex.h"

namespace homa::tools {
namespace {

using test::from_hex;

constexpr std::array<std::uint16_t, 1> kPorts{54321};
constexpr std::string_view kIpv4 = "4540 0030 0000 4000 4092 0000 0a000001 0a000002";
constexpr std::string_view kBusy =
    "8001 0fa0 00000000 000000 14 50 06 0000 0000 b97d 0000000000000010";

// The only packet of a frame, if it is shown.
std::optional<nlohmann::ordered_json> describe(const std::vector<std::byte>& ip, bool all = false) {
  const auto packets = describe_frame(io::LinkLayer::kRawIp, ip, {kPorts, all});
  EXPECT_LE(packets.size(), 1U);
  return packets.empty() ? std::nullopt : std::optional(packets.front());
}

TEST(PacketText, JsonHasNumbersAndSeparatePorts) {
  const auto fields = describe(from_hex(std::string(kIpv4) + std::string(kBusy)));
  ASSERT_TRUE(fields);
  EXPECT_EQ((*fields)["source"], "10.0.0.1");
  EXPECT_EQ((*fields)["source_port"], 32769);
  EXPECT_EQ((*fields)["destination_port"], 4000);
  EXPECT_EQ((*fields)["type"], "BUSY");
  EXPECT_EQ((*fields)["priority"], 2);
  EXPECT_EQ((*fields)["id"], 16);
  EXPECT_EQ((*fields)["carrier"], "ip");
}

TEST(PacketText, IdsOf64BitsStayExact) {
  auto bytes = from_hex(std::string(kIpv4) + std::string(kBusy));
  for (std::size_t i = bytes.size() - 8; i < bytes.size(); ++i) bytes[i] = std::byte{0xff};
  EXPECT_NE(describe(bytes)->dump().find("\"id\":18446744073709551615,"), std::string::npos);
}

TEST(PacketText, OtherTrafficIsShownOnlyWhenAsked) {
  auto tcp = from_hex(std::string(kIpv4) + std::string(kBusy));
  tcp[9] = std::byte{6};
  tcp[33] = std::byte{0x10};
  EXPECT_FALSE(describe(tcp));
  ASSERT_TRUE(describe(tcp, true));
  EXPECT_EQ(to_line(*describe(tcp, true)),
            "10.0.0.1 > 10.0.0.2 OTHER priority=2 protocol=6 bytes=28 traffic_class=0x40 "
            "hop_limit=64");
  const auto arp = from_hex("ffffffffffff 0a0b0c0d0e0f 0806 0001 0800");
  EXPECT_TRUE(describe_frame(io::LinkLayer::kEthernet, arp, {kPorts, false}).empty());
  EXPECT_EQ(to_line(describe_frame(io::LinkLayer::kEthernet, arp, {kPorts, true}).at(0)),
            "OTHER reason=\"not IP\" bytes=18");
}

TEST(PacketText, UdpPortsAreAChoice) {
  auto udp = from_hex("4500 0038 0000 4000 4011 0000 0a000001 0a000002 1b58 1b59 0024 0000" +
                      std::string(kBusy));
  EXPECT_FALSE(describe(udp));
  constexpr std::array<std::uint16_t, 2> kOther{54321, 7001};
  const auto packets = describe_frame(io::LinkLayer::kRawIp, udp, {kOther, false});
  ASSERT_EQ(packets.size(), 1U);
  EXPECT_EQ(packets[0]["type"], "BUSY");
  EXPECT_EQ(packets[0]["source_udp_port"], 7000);
}

TEST(PacketText, PacketsThatOffloadJoinedAreShownOneByOne) {
  const auto joined =
      from_hex("4500 0054 0000 4000 4011 0000 0a000001 0a000002 d431 d431 0040 0000" +
               std::string(kBusy) + std::string(kBusy));
  const auto packets = describe_frame(io::LinkLayer::kRawIp, joined, {kPorts, false});
  ASSERT_EQ(packets.size(), 2U);
  for (const auto& packet : packets) EXPECT_EQ(packet["type"], "BUSY");
}

TEST(PacketText, BrokenFramesSayWhy) {
  EXPECT_EQ(to_line(*describe(from_hex("45000030"))),
            "MALFORMED reason=\"the frame ends inside a header\" bytes=4");
  auto contradiction = from_hex(std::string(kIpv4));
  contradiction[0] = std::byte{0x41};
  EXPECT_EQ(to_line(*describe(contradiction)),
            "MALFORMED reason=\"contradictory IP header\" bytes=20");
}

TEST(PacketText, WhatTheCaptureCutOffIsSaid) {
  auto cut = from_hex(std::string(kIpv4) + std::string(kBusy));
  cut[3] = std::byte{200};
  EXPECT_EQ((*describe(cut))["cut"], true);
  EXPECT_EQ((*describe(cut))["type"], "BUSY");
}

TEST(PacketText, IcmpIsShownBriefly) {
  auto icmp = from_hex(std::string(kIpv4) + "0b00 0000 00000000" + std::string(20 * 2, '0'));
  icmp[9] = std::byte{1};
  EXPECT_EQ(to_line(*describe(icmp)),
            "10.0.0.1 > 10.0.0.2 ICMP priority=2 icmp_type=11 icmp_code=0 "
            "meaning=\"time exceeded\"");
  icmp.resize(23);
  icmp[3] = std::byte{23};
  EXPECT_EQ(to_line(*describe(icmp)),
            "10.0.0.1 > 10.0.0.2 ICMP priority=2 reason=\"the frame ends inside a header\"");
}

TEST(PacketText, AnyBytesGiveALine) {
  std::mt19937_64 random(7);
  int lines = 0;
  for (int round = 0; round < 5'000; ++round) {
    auto bytes = from_hex(std::string(kIpv4) + std::string(kBusy) + std::string(120, '0'));
    constexpr std::uint8_t kProtocols[] = {146, 6, 17, 1, 58};
    bytes[9] = static_cast<std::byte>(kProtocols[random() % 5]);
    bytes[3] = std::byte{108};
    bytes[31] = static_cast<std::byte>(0x10 + random() % 17);
    for (int i = 0; i < 6; ++i) bytes[random() % bytes.size()] = static_cast<std::byte>(random());
    bytes.resize(random() % (bytes.size() + 1));
    if (const auto fields = describe(bytes, true)) {
      ++lines;
      EXPECT_FALSE(to_line(*fields).empty());
      EXPECT_FALSE(fields->dump().empty());
    }
  }
  EXPECT_EQ(lines, 5'000);
}

}  // namespace
}  // namespace homa::tools
