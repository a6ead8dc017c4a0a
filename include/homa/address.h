// Where a host is: an IP address (IPv4 as ::ffff:a.b.c.d) and, for back ends that ride on UDP, the
// UDP port of its engine. A plain value: 24 bytes, hashable, ordered.
#pragma once

#include <array>
#include <bit>
#include <compare>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "homa/error.h"
#include "homa/result.h"

namespace homa {

// UDP port of a Homa engine unless configured otherwise (docs/protocol.md#packets).
inline constexpr std::uint16_t kDefaultUdpPort = 54321;

struct Address {
  std::array<std::uint8_t, 16> ip{};  // network byte order
  std::uint16_t udp_port = kDefaultUdpPort;
  // Of a link-local IPv6 address: the index of our device on its link. 0: none, or a link-local
  // address on the device that the Host works on.
  std::uint32_t scope = 0;

  static constexpr Address v4(std::uint8_t a, std::uint8_t b, std::uint8_t c, std::uint8_t d,
                              std::uint16_t udp_port = kDefaultUdpPort) {
    return Address{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a, b, c, d}, udp_port, 0};
  }

  // "10.0.0.1" or "fd00::1", with "%7000" behind it for a UDP port other than the default, and with
  // the device in a link-local address: "fe80::1%eth1" or "fe80::1%eth1%7000". A device that has no
  // name any more is written as "#INDEX".
  static Result<Address, Error> parse(std::string_view text);
  std::string to_string() const;

  constexpr bool is_v4() const {
    for (std::size_t i = 0; i < 10; ++i) {
      if (ip[i] != 0) return false;
    }
    return ip[10] == 0xff && ip[11] == 0xff;
  }

  // fe80::/10
  constexpr bool is_link_local() const { return ip[0] == 0xfe && (ip[1] & 0xc0) == 0x80; }

  friend constexpr auto operator<=>(const Address&, const Address&) = default;
  // By words: hosts compare addresses for each packet.
  friend constexpr bool operator==(const Address& a, const Address& b) {
    const auto ip_a = std::bit_cast<std::array<std::uint64_t, 2>>(a.ip);
    const auto ip_b = std::bit_cast<std::array<std::uint64_t, 2>>(b.ip);
    return ip_a[0] == ip_b[0] && ip_a[1] == ip_b[1] && a.udp_port == b.udp_port &&
           a.scope == b.scope;
  }
};

// One Homa socket on a host. Ports 1..32767 belong to servers, 32768..65535 to clients.
struct SocketAddress {
  Address host;
  std::uint16_t port = 0;

  // "10.0.0.1:4000", "[fd00::1]:4000", "10.0.0.1%7000:4000", "[fe80::1%eth1]:4000"; a host name is
  // looked up (blocks).
  static Result<SocketAddress, Error> parse(std::string_view text);
  std::string to_string() const;

  friend constexpr auto operator<=>(const SocketAddress&, const SocketAddress&) = default;
};

}  // namespace homa
