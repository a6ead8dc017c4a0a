// homa::Address <-> the kernel's socket addresses.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <span>

#include "base/bytes.h"
#include "homa/address.h"

namespace homa::io {

// Large enough for both families, and as small as the kernel lets it be: it is copied per packet.
union SocketName {
  sockaddr any;
  sockaddr_in v4;
  sockaddr_in6 v6;
};

using IpAddress = std::array<std::uint8_t, 16>;  // as in homa::Address

inline bool is_v4(const IpAddress& ip) { return Address{ip, 0}.is_v4(); }

// The address as IP headers and the kernel's tables have it: 4 or 16 bytes.
inline std::span<const std::byte> ip_bytes(const IpAddress& ip) {
  const auto all = std::as_bytes(std::span(ip));
  return is_v4(ip) ? all.last(4) : all;
}

// The other way round; all zeros for any other length.
inline IpAddress to_ip(std::span<const std::byte> bytes) {
  IpAddress ip{};
  if (bytes.size() == 4) ip[10] = ip[11] = 0xff;
  if (bytes.size() == 4 || bytes.size() == 16) {
    std::memcpy(ip.data() + 16 - bytes.size(), bytes.data(), bytes.size());
  }
  return ip;
}

// Fills `name` for a socket of `family`; returns its length. `port` in host byte order; `scope` is
// the device of link-local addresses that name none. An IPv4 address on an AF_INET6 socket stays
// mapped.
inline socklen_t to_socket_name(const Address& address, std::uint16_t port, int family,
                                std::uint32_t scope, SocketName& name) {
  if (family == AF_INET) {
    name.v4.sin_family = AF_INET;
    name.v4.sin_port = base::to_big_endian(port);
    std::memcpy(&name.v4.sin_addr, address.ip.data() + 12, 4);
    return sizeof(sockaddr_in);
  }
  name.v6.sin6_family = AF_INET6;
  name.v6.sin6_port = base::to_big_endian(port);
  name.v6.sin6_flowinfo = 0;
  name.v6.sin6_scope_id = 0;
  if (address.is_link_local()) name.v6.sin6_scope_id = address.scope != 0 ? address.scope : scope;
  std::memcpy(&name.v6.sin6_addr, address.ip.data(), 16);
  return sizeof(sockaddr_in6);
}

inline Address to_address(const SocketName& name) {
  if (name.any.sa_family == AF_INET) {
    // In two words, as it is read again: single bytes would have to be waited for.
    Address address;
    const std::uint64_t low = 0xffff0000U | std::uint64_t{name.v4.sin_addr.s_addr} << 32;
    std::memcpy(address.ip.data() + 8, &low, sizeof low);
    address.udp_port = base::to_big_endian(name.v4.sin_port);
    return address;
  }
  Address address;
  std::memcpy(address.ip.data(), &name.v6.sin6_addr, 16);
  address.udp_port = base::to_big_endian(name.v6.sin6_port);
  address.scope = name.v6.sin6_scope_id;  // 0 but for link-local addresses
  return address;
}

}  // namespace homa::io
