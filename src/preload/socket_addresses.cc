#include "preload/socket_addresses.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <span>

namespace homa::preload {
namespace {

constexpr std::size_t kV4At = 12;  // of an IPv4 address in its IPv6 form

Address mapped(const in_addr& v4, std::uint16_t udp_port) {
  Address host = Address::v4(0, 0, 0, 0, udp_port);
  std::memcpy(host.ip.data() + kV4At, &v4, sizeof(v4));
  return host;
}

}  // namespace

Result<SocketAddress, Failure> read_address(const void* name, socklen_t length, int family,
                                            std::uint16_t udp_port) {
  sa_family_t given = 0;
  if (name == nullptr || length < offsetof(sockaddr_in, sin_port)) {
    return refuse(EINVAL, "an address is missing, or shorter than its structure");
  }
  std::memcpy(&given, static_cast<const std::byte*>(name) + offsetof(sockaddr, sa_family),
              sizeof(given));
  if (given != family) {
    return refuse(EAFNOSUPPORT, "the address is of another family than the socket");
  }
  if (length < (family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6))) {
    return refuse(EINVAL, "the address is shorter than its structure");
  }
  SocketAddress address;
  if (family == AF_INET) {
    sockaddr_in in4;
    std::memcpy(&in4, name, sizeof(in4));
    address.host = mapped(in4.sin_addr, udp_port);
    address.port = ntohs(in4.sin_port);
    return address;
  }
  sockaddr_in6 in6;
  std::memcpy(&in6, name, sizeof(in6));
  std::memcpy(address.host.ip.data(), &in6.sin6_addr, sizeof(in6.sin6_addr));
  address.host.udp_port = udp_port;
  if (address.host.is_link_local()) address.host.scope = in6.sin6_scope_id;
  address.port = ntohs(in6.sin6_port);
  return address;
}

bool can_name(const Address& host, int family) { return family == AF_INET6 || host.is_v4(); }

bool names_this_host(const Address& host) {
  if (host.is_v4()) {
    constexpr std::uint8_t kLoopback = 127;
    const auto v4 = std::span(host.ip).subspan(kV4At);
    return v4[0] == kLoopback ||
           std::all_of(v4.begin(), v4.end(), [](auto byte) { return byte == 0; });
  }
  const auto all_but_last = std::span(host.ip).first(host.ip.size() - 1);
  return host.ip.back() <= 1 &&
         std::all_of(all_but_last.begin(), all_but_last.end(), [](auto byte) { return byte == 0; });
}

void write_address(const SocketAddress& address, int family, void* name, socklen_t* length) {
  const auto write = [&](const auto& made) {
    if (name != nullptr) {
      std::memcpy(name, &made, std::min<std::size_t>(sizeof(made), *length));
    }
    *length = static_cast<socklen_t>(name == nullptr ? 0 : sizeof(made));
  };
  if (family == AF_INET) {
    sockaddr_in in4{};
    in4.sin_family = AF_INET;
    in4.sin_port = htons(address.port);
    std::memcpy(&in4.sin_addr, address.host.ip.data() + kV4At, sizeof(in4.sin_addr));
    return write(in4);
  }
  sockaddr_in6 in6{};
  in6.sin6_family = AF_INET6;
  in6.sin6_port = htons(address.port);
  in6.sin6_scope_id = address.host.scope;
  std::memcpy(&in6.sin6_addr, address.host.ip.data(), sizeof(in6.sin6_addr));
  write(in6);
}

}  // namespace homa::preload
