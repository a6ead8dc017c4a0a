#include "io/socket_address.h"

#include <gtest/gtest.h>

namespace homa::io {
namespace {

TEST(SocketAddress, GoesToTheKernelAndBackInBothFamilies) {
  const Address v4 = Address::v4(10, 1, 2, 3, 4000);
  const Address v6 = *Address::parse("fd00::7%4000");
  SocketName name{};
  EXPECT_EQ(to_socket_name(v4, v4.udp_port, AF_INET, 0, name), sizeof(sockaddr_in));
  EXPECT_EQ(to_address(name), v4);
  for (const Address& address : {v4, v6}) {  // IPv4 stays mapped on an AF_INET6 socket
    EXPECT_EQ(to_socket_name(address, address.udp_port, AF_INET6, 0, name), sizeof(sockaddr_in6));
    EXPECT_EQ(to_address(name), address);
  }
}

TEST(SocketAddress, OnlyLinkLocalAddressesHaveAScope) {
  SocketName name{};
  to_socket_name(*Address::parse("fe80::1"), 1, AF_INET6, 5, name);
  EXPECT_EQ(name.v6.sin6_scope_id, 5U);
  EXPECT_EQ(to_address(name).scope, 5U);
  to_socket_name(*Address::parse("fe80::1%#7"), 1, AF_INET6, 5, name);
  EXPECT_EQ(name.v6.sin6_scope_id, 7U);
  to_socket_name(*Address::parse("fd00::1"), 1, AF_INET6, 5, name);
  EXPECT_EQ(name.v6.sin6_scope_id, 0U);
}

TEST(SocketAddress, IpBytesAreWhatIpHeadersHold) {
  for (const char* text : {"10.1.2.3", "fd00::7"}) {
    const Address address = *Address::parse(text);
    EXPECT_EQ(ip_bytes(address.ip).size(), address.is_v4() ? 4U : 16U);
    EXPECT_EQ(to_ip(ip_bytes(address.ip)), address.ip);
  }
  EXPECT_EQ(to_ip(ip_bytes(IpAddress{}).first(7)), IpAddress{});
}

}  // namespace
}  // namespace homa::io
