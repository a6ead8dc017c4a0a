#include "homa/address.h"

#include <gtest/gtest.h>
#include <net/if.h>

#include <string>

namespace homa {
namespace {

TEST(Address, V4IsKeptAsMappedV6) {
  const auto address = Address::parse("10.0.0.1");
  ASSERT_TRUE(address);
  EXPECT_TRUE(address->is_v4());
  EXPECT_EQ(*address, Address::v4(10, 0, 0, 1));
  EXPECT_EQ(address->udp_port, kDefaultUdpPort);
  EXPECT_EQ(address->to_string(), "10.0.0.1");
  EXPECT_EQ(*Address::parse("::ffff:10.0.0.1"), *address);
}

TEST(Address, V6) {
  const auto address = Address::parse("fd99::2");
  ASSERT_TRUE(address);
  EXPECT_FALSE(address->is_v4());
  EXPECT_EQ(address->ip[0], 0xfd);
  EXPECT_EQ(address->ip[15], 2);
  EXPECT_EQ(address->to_string(), "fd99::2");
}

TEST(Address, UdpPortFollowsPercent) {
  const auto v4 = Address::parse("10.0.0.1%7000");
  ASSERT_TRUE(v4);
  EXPECT_EQ(*v4, Address::v4(10, 0, 0, 1, 7000));
  EXPECT_EQ(v4->to_string(), "10.0.0.1%7000");
  const auto v6 = Address::parse("fd99::2%7000");
  ASSERT_TRUE(v6);
  EXPECT_EQ(v6->to_string(), "fd99::2%7000");
}

TEST(Address, ALinkLocalAddressNamesItsDevice) {
  const std::uint32_t loopback = if_nametoindex("lo");
  const auto address = Address::parse("fe80::2%lo");
  ASSERT_TRUE(address) << address.error().text;
  EXPECT_EQ(address->scope, loopback);
  EXPECT_EQ(address->to_string(), "fe80::2%lo");
  const auto with_port = Address::parse("fe80::2%lo%7000");
  ASSERT_TRUE(with_port) << with_port.error().text;
  EXPECT_EQ(with_port->scope, loopback);
  EXPECT_EQ(with_port->udp_port, 7000);
  EXPECT_EQ(with_port->to_string(), "fe80::2%lo%7000");
  EXPECT_NE(*address, *Address::parse("fe80::2"));
  EXPECT_EQ(Address::parse("fe80::2%7000")->scope, 0U);  // digits are a UDP port
}

TEST(Address, ADeviceThatIsGoneIsANumber) {
  Address address = *Address::parse("fe80::2");
  address.scope = 1'000'000;
  EXPECT_EQ(address.to_string(), "fe80::2%#1000000");
  EXPECT_EQ(*Address::parse("fe80::2%#1000000"), address);
}

TEST(Address, WhatIsNoneIsRefusedByName) {
  for (const char* text :
       {"", "10.0.0", "10.0.0.256", "fe80:::1", "host", "10.0.0.1%", "10.0.0.1%x", "10.0.0.1%65536",
        "10.0.0.1%-1", "10.0.0.1 ", "%7000", "fd00::1%lo", "10.0.0.1%lo", "fe80::1%nonesuch0",
        "fe80::1%lo%x", "fe80::1%lo%lo", "fe80::1%#0", "fe80::1%%7"}) {
    const auto address = Address::parse(text);
    ASSERT_FALSE(address) << text;
    EXPECT_EQ(address.error().code, ErrorCode::kInvalidArgument);
    EXPECT_NE(address.error().text.find(std::string("\"") + text + "\""), std::string::npos)
        << address.error().text;
  }
}

TEST(Address, EqualityIncludesTheUdpPort) {
  EXPECT_NE(Address::v4(10, 0, 0, 1, 1), Address::v4(10, 0, 0, 1, 2));
  EXPECT_LT(Address::v4(10, 0, 0, 1), Address::v4(10, 0, 0, 2));
}

TEST(SocketAddress, ReadsWhatItWrites) {
  for (const char* text :
       {"10.0.0.1:4000", "10.0.0.1%7000:4000", "[fd99::2]:4000", "[fd99::2]%7000:65535", "[::1]:0",
        "[fe80::1%lo]:4000", "[fe80::1%lo]%7000:4000"}) {
    const auto address = SocketAddress::parse(text);
    ASSERT_TRUE(address) << text << ": " << address.error().text;
    EXPECT_EQ(address->to_string(), text);
  }
}

TEST(SocketAddress, PartsGoWhereTheyBelong) {
  const auto address = SocketAddress::parse("[fd99::2]%7000:4000");
  ASSERT_TRUE(address);
  EXPECT_EQ(address->port, 4000);
  EXPECT_EQ(address->host.udp_port, 7000);
  EXPECT_EQ(address->host.ip[15], 2);
}

TEST(SocketAddress, LooksUpNames) {
  const auto address = SocketAddress::parse("localhost%7000:4000");
  ASSERT_TRUE(address) << address.error().text;
  EXPECT_EQ(address->port, 4000);
  EXPECT_EQ(address->host.udp_port, 7000);
  const auto host = address->host.to_string();
  EXPECT_TRUE(host == "127.0.0.1%7000" || host == "::1%7000") << host;
}

TEST(SocketAddress, WhatIsNoneIsRefused) {
  for (const char* text : {"", "10.0.0.1", "10.0.0.1:", "10.0.0.1:x", "10.0.0.1:65536", ":4000",
                           "no such host.invalid:4000", "localhost%x:4000", "[]:4000"}) {
    const auto address = SocketAddress::parse(text);
    ASSERT_FALSE(address) << text << " gives " << address->to_string();
    EXPECT_EQ(address.error().code, ErrorCode::kInvalidArgument);
    EXPECT_FALSE(address.error().text.empty());
  }
}

}  // namespace
}  // namespace homa
