// The packet of ours that an ICMP error quotes. The bytes come from the network: nothing in them is
// believed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "io/socket_address.h"

namespace homa::tools {

struct QuotedPacket {
  io::IpAddress destination{};
  std::uint8_t traffic_class = 0;  // as it was when it arrived
  std::uint16_t udp_port = 0;      // to which it was sent
};

// "Port unreachable" for a UDP packet; nothing for anything else. As raw sockets deliver them: for
// ICMP with an IP header, for ICMPv6 without.
std::optional<QuotedPacket> quoted_in_icmp(std::span<const std::byte> packet);
std::optional<QuotedPacket> quoted_in_icmp6(std::span<const std::byte> packet);

}  // namespace homa::tools
