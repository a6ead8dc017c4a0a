#include "io/frame_decode.h"

#include <gtest/gtest.h>

#include <ostream>
#include <random>
#include <string>
#include <vector>

#include "support/hex.h"

namespace homa::io {

static void PrintTo(FrameError error, std::ostream* out) { *out << to_string(error); }

namespace {

using test::from_hex;
using test::to_hex;
using Bytes = std::vector<std::byte>;

constexpr std::uint16_t kUdpPorts[] = {54321, 7000};

Bytes operator+(Bytes left, const Bytes& right) {
  left.insert(left.end(), right.begin(), right.end());
  return left;
}

// 20 bytes from 10.0.0.1 to 10.0.0.2 at priority 6.
Bytes ipv4(std::uint8_t protocol, std::uint16_t payload_bytes, std::uint16_t fragment = 0x4000) {
  auto bytes = from_hex("45c0 0000 1234 0000 4000 0000 0a000001 0a000002");
  const auto total = static_cast<std::uint16_t>(20 + payload_bytes);
  bytes[2] = static_cast<std::byte>(total >> 8);
  bytes[3] = static_cast<std::byte>(total & 0xff);
  bytes[6] = static_cast<std::byte>(fragment >> 8);
  bytes[7] = static_cast<std::byte>(fragment & 0xff);
  bytes[9] = static_cast<std::byte>(protocol);
  return bytes;
}

// 40 bytes from fd99::1 to fd99::2 at priority 5, flow label 0x12345.
Bytes ipv6(std::uint8_t next, std::uint16_t payload_bytes) {
  auto bytes = from_hex(
      "6a012345 0000 0040"
      "fd99 0000 0000 0000 0000 0000 0000 0001"
      "fd99 0000 0000 0000 0000 0000 0000 0002");
  bytes[4] = static_cast<std::byte>(payload_bytes >> 8);
  bytes[5] = static_cast<std::byte>(payload_bytes & 0xff);
  bytes[6] = static_cast<std::byte>(next);
  return bytes;
}

const Bytes kBusy = from_hex("8001 0fa0 00000000 000000 14 50 06 0000 0000 b97d 0000000000000010");

FrameError link_error(LinkLayer link, const Bytes& bytes) {
  const auto result = decode_link(link, bytes);
  EXPECT_FALSE(result);
  return result ? FrameError{255} : result.error();
}

FrameError ip_error(const Bytes& bytes) {
  const auto result = decode_ip(bytes);
  EXPECT_FALSE(result);
  return result ? FrameError{255} : result.error();
}

TEST(DecodeLink, FindsIpBehindEachLinkLayer) {
  const struct {
    LinkLayer link;
    const char* header;
  } cases[] = {
      {LinkLayer::kEthernet, "010203040506 0a0b0c0d0e0f 0800"},
      {LinkLayer::kEthernet, "010203040506 0a0b0c0d0e0f 86dd"},
      {LinkLayer::kEthernet, "010203040506 0a0b0c0d0e0f 8100 2005 0800"},
      {LinkLayer::kEthernet, "010203040506 0a0b0c0d0e0f 88a8 2005 8100 2006 86dd"},
      {LinkLayer::kRawIp, ""},
      {LinkLayer::kLinuxCooked, "0000 0001 0006 0a0b0c0d0e0f 0000 0800"},
      {LinkLayer::kLinuxCooked2, "86dd 0000 00000002 0001 00 06 0a0b0c0d0e0f 0000"},
      {LinkLayer::kLoopback, "02000000"},
  };
  for (const auto& [link, header] : cases) {
    const Bytes head = from_hex(header);
    const Bytes frame = head + kBusy;
    const auto rest = decode_link(link, frame);
    ASSERT_TRUE(rest) << header << ": " << to_string(rest.error());
    EXPECT_EQ(to_hex(*rest), to_hex(kBusy)) << header;
    for (std::size_t size = 0; size < head.size(); ++size) {
      EXPECT_EQ(link_error(link, Bytes(frame.begin(), frame.begin() + static_cast<long>(size))),
                FrameError::kTooShort)
          << header << " cut to " << size;
    }
  }
}

TEST(DecodeLink, OtherNetworkProtocolsAreNamedSo) {
  const auto arp = from_hex("010203040506 0a0b0c0d0e0f 0806 0001");
  EXPECT_EQ(link_error(LinkLayer::kEthernet, arp), FrameError::kNotIp);
  const auto three_tags = from_hex("010203040506 0a0b0c0d0e0f 8100 0001 8100 0001 8100 0001 0800");
  EXPECT_EQ(link_error(LinkLayer::kEthernet, three_tags), FrameError::kNotIp);
}

TEST(DecodeIpv4, EveryField) {
  const Bytes bytes = ipv4(146, 28) + kBusy;
  const auto ip = decode_ip(bytes);
  ASSERT_TRUE(ip);
  EXPECT_EQ(ip->source, Address::v4(10, 0, 0, 1));
  EXPECT_EQ(ip->destination, Address::v4(10, 0, 0, 2));
  EXPECT_EQ(ip->protocol, 146);
  EXPECT_EQ(ip->traffic_class, 0xc0);
  EXPECT_EQ(ip->priority(), 6);
  EXPECT_EQ(ip->hop_limit, 64);
  EXPECT_FALSE(ip->fragment);
  EXPECT_FALSE(ip->cut);
  EXPECT_EQ(to_hex(ip->payload), to_hex(kBusy));
}

TEST(DecodeIpv4, PaddingIsRemovedAndCutsAreSeen) {
  const auto padded = ipv4(146, 28) + kBusy + from_hex("00000000000000000000");
  EXPECT_EQ(decode_ip(padded)->payload.size(), 28U);
  EXPECT_FALSE(decode_ip(padded)->cut);
  const auto cut = ipv4(146, 100) + kBusy;
  EXPECT_EQ(decode_ip(cut)->payload.size(), 28U);
  EXPECT_TRUE(decode_ip(cut)->cut);
  EXPECT_TRUE(decode_ip(ipv4(146, 0) + kBusy)->payload.empty());
}

TEST(DecodeIpv4, OptionsAreSkippedAndOffloadsZeroLengthMeansAll) {
  auto with_options = ipv4(146, 32);
  with_options[0] = std::byte{0x46};
  with_options = with_options + from_hex("01010101") + kBusy;
  EXPECT_EQ(to_hex(decode_ip(with_options)->payload), to_hex(kBusy));
  auto offloaded = ipv4(146, 0) + kBusy;
  offloaded[3] = std::byte{0};
  EXPECT_EQ(to_hex(decode_ip(offloaded)->payload), to_hex(kBusy));
  EXPECT_FALSE(decode_ip(offloaded)->cut);
}

TEST(DecodeIpv4, ContradictionsAreRefused) {
  auto header_too_small = ipv4(146, 28) + kBusy;
  header_too_small[0] = std::byte{0x44};
  EXPECT_EQ(ip_error(header_too_small), FrameError::kBadIpHeader);
  auto total_too_small = ipv4(146, 28) + kBusy;
  total_too_small[3] = std::byte{19};
  EXPECT_EQ(ip_error(total_too_small), FrameError::kBadIpHeader);
  auto options_missing = ipv4(146, 40);
  options_missing[0] = std::byte{0x4f};
  EXPECT_EQ(ip_error(options_missing), FrameError::kTooShort);
  EXPECT_EQ(ip_error({}), FrameError::kTooShort);
  EXPECT_EQ(ip_error(from_hex("50")), FrameError::kNotIp);
  EXPECT_EQ(ip_error(from_hex("45")), FrameError::kTooShort);
}

TEST(DecodeIpv4, FragmentsAreTold) {
  const Bytes first = ipv4(146, 28, 0x2000) + kBusy;
  ASSERT_TRUE(decode_ip(first));
  EXPECT_TRUE(decode_ip(first)->fragment);
  EXPECT_EQ(decode_ip(first)->fragment_offset, 0U);
  EXPECT_TRUE(find_homa(*decode_ip(first), kUdpPorts));
  const Bytes later = ipv4(146, 28, 0x00b9) + kBusy;
  EXPECT_TRUE(decode_ip(later)->fragment);
  EXPECT_EQ(decode_ip(later)->fragment_offset, 1480U);
  EXPECT_FALSE(find_homa(*decode_ip(later), kUdpPorts));
}

TEST(DecodeIpv6, EveryField) {
  const Bytes bytes = ipv6(146, 28) + kBusy + from_hex("0000");
  const auto ip = decode_ip(bytes);
  ASSERT_TRUE(ip);
  EXPECT_EQ(ip->source.to_string(), "fd99::1");
  EXPECT_EQ(ip->destination.to_string(), "fd99::2");
  EXPECT_EQ(ip->protocol, 146);
  EXPECT_EQ(ip->traffic_class, 0xa0);
  EXPECT_EQ(ip->priority(), 5);
  EXPECT_EQ(ip->hop_limit, 64);
  EXPECT_EQ(to_hex(ip->payload), to_hex(kBusy));
}

TEST(DecodeIpv6, ExtensionHeadersAreWalked) {
  const auto chain = from_hex(
      "3c00 0104 00000000"                   // hop-by-hop, then destination options
      "3301 0104 00000000 0000000000000000"  // 16 bytes, then authentication
      "9204 0000 00000001 00000002 000000000000000000000000");  // 24 bytes, then Homa
  const Bytes bytes = ipv6(0, static_cast<std::uint16_t>(chain.size() + 28)) + chain + kBusy;
  const auto ip = decode_ip(bytes);
  ASSERT_TRUE(ip);
  EXPECT_EQ(ip->protocol, 146);
  EXPECT_EQ(to_hex(ip->payload), to_hex(kBusy));
  for (std::size_t size = 40; size < 40 + chain.size(); ++size) {
    EXPECT_EQ(ip_error(Bytes(bytes.begin(), bytes.begin() + static_cast<long>(size))),
              FrameError::kTooShort)
        << size;
  }
}

TEST(DecodeIpv6, FragmentHeader) {
  const Bytes first = ipv6(44, 36) + from_hex("9200 0001 00000001") + kBusy;
  EXPECT_TRUE(decode_ip(first)->fragment);
  EXPECT_TRUE(find_homa(*decode_ip(first), kUdpPorts));
  const Bytes later = ipv6(44, 36) + from_hex("9200 05a8 00000001") + kBusy;
  EXPECT_EQ(decode_ip(later)->fragment_offset, 1448U);
  EXPECT_EQ(decode_ip(later)->protocol, 146);
  EXPECT_FALSE(find_homa(*decode_ip(later), kUdpPorts));
  const Bytes whole = ipv6(44, 36) + from_hex("9200 0000 00000001") + kBusy;
  EXPECT_FALSE(decode_ip(whole)->fragment);
}

TEST(DecodeIpv6, EndlessExtensionsEnd) {
  Bytes bytes = ipv6(60, 8 * 100);
  for (int i = 0; i < 100; ++i) bytes = bytes + from_hex("3c00 0104 00000000");
  EXPECT_EQ(ip_error(bytes), FrameError::kManyExtensions);
}

TEST(FindHoma, NativeUdpAndTcpShaped) {
  const Bytes native = ipv4(146, 28) + kBusy;
  const auto by_ip = find_homa(*decode_ip(native), kUdpPorts);
  ASSERT_TRUE(by_ip);
  EXPECT_EQ(by_ip->carrier, Carrier::kIp);
  EXPECT_EQ(to_hex(by_ip->bytes), to_hex(kBusy));

  const Bytes shaped = ipv6(6, 28) + kBusy;
  const auto by_tcp = find_homa(*decode_ip(shaped), kUdpPorts);
  ASSERT_TRUE(by_tcp);
  EXPECT_EQ(by_tcp->carrier, Carrier::kTcp);
  EXPECT_EQ(to_hex(by_tcp->bytes), to_hex(kBusy));

  const Bytes datagram = ipv4(17, 38) + from_hex("1b58 c000 0024 0000") + kBusy + from_hex("ffff");
  const auto by_udp = find_homa(*decode_ip(datagram), kUdpPorts);
  ASSERT_TRUE(by_udp);
  EXPECT_EQ(by_udp->carrier, Carrier::kUdp);
  EXPECT_EQ(by_udp->source_udp_port, 7000);
  EXPECT_EQ(by_udp->destination_udp_port, 49152);
  EXPECT_EQ(to_hex(by_udp->bytes), to_hex(kBusy));  // without what lies behind the datagram
}

TEST(PacketBytes, SeesWhereOffloadJoinedPackets) {
  HomaPart part;
  part.carrier = Carrier::kUdp;
  const Bytes payload(100, std::byte{0xaa});
  const Bytes first = kBusy + payload;
  const Bytes joined = first + first + kBusy;
  part.bytes = joined;
  EXPECT_EQ(packet_bytes(part), 128U);
  part.bytes = first;
  EXPECT_EQ(packet_bytes(part), 128U);
  part.bytes = std::span(joined).first(128 + 27);  // too little for a second header
  EXPECT_EQ(packet_bytes(part), 155U);
  part.carrier = Carrier::kIp;
  part.bytes = joined;
  EXPECT_EQ(packet_bytes(part), joined.size());
  part.bytes = {};
  EXPECT_EQ(packet_bytes(part), 0U);
}

TEST(FindHoma, OtherTrafficIsNotHoma) {
  auto segment = kBusy;
  segment[13] = std::byte{0x10};  // an ACK of TCP
  EXPECT_FALSE(find_homa(*decode_ip(ipv4(6, 28) + segment), kUdpPorts));
  segment = kBusy;
  segment[18] = std::byte{0};
  EXPECT_FALSE(find_homa(*decode_ip(ipv4(6, 28) + segment), kUdpPorts));
  EXPECT_FALSE(find_homa(*decode_ip(ipv4(6, 10)), kUdpPorts));
  const Bytes dns = ipv4(17, 36) + from_hex("0035 c000 0024 0000") + kBusy;
  EXPECT_FALSE(find_homa(*decode_ip(dns), kUdpPorts));
  EXPECT_FALSE(find_homa(*decode_ip(ipv4(17, 7)), kUdpPorts));
  EXPECT_FALSE(find_homa(*decode_ip(ipv4(1, 28) + kBusy), kUdpPorts));
}

// The sanitizers see a read outside; here, that parts lie within the whole.
TEST(FrameDecode, AnyBytesAreTaken) {
  std::mt19937_64 random(1);
  int found = 0;
  for (int round = 0; round < 20'000; ++round) {
    Bytes bytes = round % 2 == 0 ? ipv4(146, 28) : ipv6(static_cast<std::uint8_t>(random()), 28);
    bytes = bytes + kBusy;
    for (int i = 0; i < 4; ++i) bytes[random() % bytes.size()] = static_cast<std::byte>(random());
    bytes.resize(random() % (bytes.size() + 1));
    const auto ip = decode_ip(bytes);
    if (!ip) continue;
    ASSERT_LE(ip->payload.size(), bytes.size());
    if (const auto part = find_homa(*ip, kUdpPorts)) {
      ++found;
      ASSERT_LE(part->bytes.size(), ip->payload.size());
    }
  }
  EXPECT_GT(found, 1'000);
}

TEST(Words, EveryFrameErrorAndCarrierHasItsOwn) {
  EXPECT_EQ(to_string(FrameError::kTooShort), "the frame ends inside a header");
  EXPECT_EQ(to_string(FrameError::kNotIp), "not IP");
  EXPECT_NE(to_string(FrameError::kBadIpHeader), to_string(FrameError::kManyExtensions));
  EXPECT_EQ(to_string(Carrier::kTcp), "tcp");
}

}  // namespace
}  // namespace homa::io
