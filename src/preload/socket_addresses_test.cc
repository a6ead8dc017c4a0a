#include "preload/socket_addresses.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <cstring>

namespace homa::preload {
namespace {

sockaddr_in v4() {
  sockaddr_in in4{};
  in4.sin_family = AF_INET;
  in4.sin_port = htons(4000);
  in4.sin_addr.s_addr = htonl(0x0a000102);
  return in4;
}

TEST(SocketAddresses, BothFamiliesSurviveTheWayThereAndBack) {
  const sockaddr_in in4 = v4();
  const auto address = read_address(&in4, sizeof(in4), AF_INET, 7000);
  ASSERT_TRUE(address);
  EXPECT_EQ(address->to_string(), "10.0.1.2%7000:4000");
  sockaddr_in back{};
  socklen_t length = sizeof(back);
  write_address(*address, AF_INET, &back, &length);
  EXPECT_EQ(length, sizeof(back));
  EXPECT_EQ(std::memcmp(&back, &in4, sizeof(back)), 0);

  sockaddr_in6 in6{};
  in6.sin6_family = AF_INET6;
  in6.sin6_port = htons(99);
  in6.sin6_scope_id = 3;
  ASSERT_EQ(inet_pton(AF_INET6, "fe80::7", &in6.sin6_addr), 1);
  const auto local = read_address(&in6, sizeof(in6), AF_INET6, 7000);
  ASSERT_TRUE(local);
  EXPECT_EQ(local->host.scope, 3U);
  sockaddr_in6 back6{};
  length = sizeof(back6);
  write_address(*local, AF_INET6, &back6, &length);
  EXPECT_EQ(std::memcmp(&back6, &in6, sizeof(back6)), 0);
}

TEST(SocketAddresses, WhatIsNoAddressOfTheSocketIsRefused) {
  const sockaddr_in in4 = v4();
  EXPECT_EQ(read_address(&in4, sizeof(in4), AF_INET6, 1).error().number, EAFNOSUPPORT);
  EXPECT_EQ(read_address(&in4, sizeof(in4) - 1, AF_INET, 1).error().number, EINVAL);
  EXPECT_EQ(read_address(&in4, 1, AF_INET, 1).error().number, EINVAL);
  EXPECT_EQ(read_address(nullptr, 0, AF_INET, 1).error().number, EINVAL);
}

TEST(SocketAddresses, AnIPv4SocketCannotNameAnIPv6Peer) {
  EXPECT_TRUE(can_name(Address::v4(10, 0, 0, 1), AF_INET));
  EXPECT_TRUE(can_name(Address::v4(10, 0, 0, 1), AF_INET6));
  Address v6;
  v6.ip[0] = 0xfd;
  EXPECT_FALSE(can_name(v6, AF_INET));
}

TEST(SocketAddresses, NoMoreIsWrittenThanThereIsRoomFor) {
  char room[sizeof(sockaddr_in)];
  std::memset(room, 0x55, sizeof(room));
  socklen_t length = 4;
  write_address({Address::v4(1, 2, 3, 4), 5}, AF_INET, room, &length);
  EXPECT_EQ(length, sizeof(sockaddr_in));
  EXPECT_EQ(room[4], 0x55);
  length = 4;
  write_address({Address::v4(1, 2, 3, 4), 5}, AF_INET, nullptr, &length);
  EXPECT_EQ(length, 0U);
}

TEST(SocketAddresses, SomeNameThisHost) {
  for (const char* own : {"0.0.0.0", "127.0.0.1", "127.9.0.3", "::", "::1"}) {
    EXPECT_TRUE(names_this_host(Address::parse(own).value())) << own;
  }
  for (const char* other : {"10.0.0.1", "128.0.0.1", "0.0.0.1", "fe80::1", "::2", "1::"}) {
    EXPECT_FALSE(names_this_host(Address::parse(other).value())) << other;
  }
}

}  // namespace
}  // namespace homa::preload
