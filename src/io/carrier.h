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

}  // namespace homa::io
