// What carries a Homa packet in an IP packet (docs/protocol.md#packets).
#pragma once

#include <cstdint>
#include <string_view>

namespace homa::io {

// IP protocol numbers of interest here.
inline constexpr std::uint8_t kIcmpProtocol = 1;
inline constexpr std::uint8_t kTcpProtocol = 6;
inline constexpr std::uint8_t kUdpProtocol = 17;
inline constexpr std::uint8_t kIcmp6Protocol = 58;
inline constexpr std::uint8_t kHomaProtocol = 146;

enum class Carrier : std::uint8_t {
  kIp,   // IP protocol 146: `raw` hosts and the kernel module
  kUdp,  // UDP encapsulation: `udp` hosts
  kTcp,  // the kernel module's TCP hijacking: only read in captures
};

constexpr std::string_view to_string(Carrier carrier) {
  switch (carrier) {
    case Carrier::kIp: return "ip";
    case Carrier::kUdp: return "udp";
    case Carrier::kTcp: return "tcp";
  }
  return "?";
}

// IP and UDP header bytes before the Homa packet.
constexpr std::uint32_t network_header_bytes(bool is_v4, Carrier carrier) {
  return (is_v4 ? 20U : 40U) + (carrier == Carrier::kUdp ? 8U : 0U);
}

// The longest Homa packet (header and payload) through a device or path with this MTU; 0: none. The
// length field of IPv4 counts its header, that of IPv6 does not.
constexpr std::uint32_t packet_bytes_max(std::uint32_t mtu, bool is_v4, Carrier carrier) {
  constexpr std::uint32_t kLengthMax = 65'535;
  const std::uint32_t headers = network_header_bytes(is_v4, carrier);
  const std::uint32_t longest = kLengthMax + (is_v4 ? 0 : 40);
  return mtu < headers ? 0 : (mtu < longest ? mtu : longest) - headers;
}

}  // namespace homa::io
