#include "tools/doctor/quoted_packet.h"

#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>

namespace homa::tools {
namespace {

constexpr std::size_t kIcmpHeader = 8;
constexpr std::size_t kIpv6Header = 40;

std::uint8_t byte_at(std::span<const std::byte> bytes, std::size_t i) {
  return std::to_integer<std::uint8_t>(bytes[i]);
}

std::uint16_t number_at(std::span<const std::byte> bytes, std::size_t i) {
  return static_cast<std::uint16_t>(byte_at(bytes, i) << 8 | byte_at(bytes, i + 1));
}

// The bytes behind an IPv4 header; empty: it is none.
std::span<const std::byte> behind_ip(std::span<const std::byte> packet) {
  if (packet.size() < 20 || byte_at(packet, 0) >> 4 != 4) return {};
  const std::size_t header = std::size_t{4} * (byte_at(packet, 0) & 0xfU);
  return header < 20 || header > packet.size() ? std::span<const std::byte>()
                                               : packet.subspan(header);
}

}  // namespace

std::optional<QuotedPacket> quoted_in_icmp(std::span<const std::byte> packet) {
  const auto icmp = behind_ip(packet);
  if (icmp.size() < kIcmpHeader || byte_at(icmp, 0) != ICMP_DEST_UNREACH ||
      byte_at(icmp, 1) != ICMP_PORT_UNREACH) {
    return std::nullopt;
  }
  const auto quoted = icmp.subspan(kIcmpHeader);
  const auto udp = behind_ip(quoted);
  if (udp.size() < 4 || byte_at(quoted, 9) != IPPROTO_UDP) return std::nullopt;
  return QuotedPacket{io::to_ip(quoted.subspan(16, 4)), byte_at(quoted, 1), number_at(udp, 2)};
}

std::optional<QuotedPacket> quoted_in_icmp6(std::span<const std::byte> packet) {
  if (packet.size() < kIcmpHeader + kIpv6Header + 4 || byte_at(packet, 0) != ICMP6_DST_UNREACH ||
      byte_at(packet, 1) != ICMP6_DST_UNREACH_NOPORT) {
    return std::nullopt;
  }
  const auto quoted = packet.subspan(kIcmpHeader);
  if (byte_at(quoted, 0) >> 4 != 6 || byte_at(quoted, 6) != IPPROTO_UDP) return std::nullopt;
  const auto traffic_class =
      static_cast<std::uint8_t>((byte_at(quoted, 0) & 0xfU) << 4 | byte_at(quoted, 1) >> 4);
  return QuotedPacket{io::to_ip(quoted.subspan(24, 16)), traffic_class,
                      number_at(quoted.subspan(kIpv6Header), 2)};
}

}  // namespace homa::tools
