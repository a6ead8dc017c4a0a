#include "io/kernel_routes.h"

#include <gtest/gtest.h>
#include <net/if.h>

#include "system/namespace.h"

namespace homa::io {
namespace {

using testing::Namespace;
using testing::TwoHosts;

class KernelRoutes : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string reason;
    hosts_ = TwoHosts::create(reason);
    if (!hosts_) GTEST_SKIP() << reason;
    hosts_->a->inside([&] {
      auto socket = NetlinkSocket::open();
      ASSERT_TRUE(socket) << socket.error().text;
      socket_.emplace(std::move(*socket));
      device_ = if_nametoindex("net0");
    });
  }
  std::optional<KernelRoute> route(const RouteQuestion& question) {
    return find_route(*socket_, question);
  }

  std::unique_ptr<TwoHosts> hosts_;
  std::optional<NetlinkSocket> socket_;
  std::uint32_t device_ = 0;
};

TEST_F(KernelRoutes, ANeighbourHasADeviceAndNoGateway) {
  const auto found = route({.destination = Address::v4(10, 77, 0, 2)});
  ASSERT_TRUE(found);
  EXPECT_EQ(found->device, device_);
  EXPECT_EQ(found->type, RTN_UNICAST);
  EXPECT_EQ(found->gateway, IpAddress{});
  EXPECT_EQ(found->source, Address::v4(10, 77, 0, 1).ip);
  EXPECT_EQ(found->mtu, 0U);
}

TEST_F(KernelRoutes, BehindARouterThereIsAGateway) {
  ASSERT_TRUE(
      hosts_->a->run("ip route add 10.88.0.0/24 via 10.77.0.2 mtu 1400;"
                     "ip -6 route add fd88::/64 via fd77::2"));
  const auto found = route({.destination = Address::v4(10, 88, 0, 1)});
  ASSERT_TRUE(found);
  EXPECT_EQ(found->gateway, Address::v4(10, 77, 0, 2).ip);
  EXPECT_EQ(found->mtu, 1400U);
  const auto v6 = route({.destination = *Address::parse("fd88::1")});
  ASSERT_TRUE(v6);
  EXPECT_EQ(v6->gateway, Address::parse("fd77::2")->ip);
}

TEST_F(KernelRoutes, OurOwnAddressIsLocal) {
  const auto found = route({.destination = Address::v4(10, 77, 0, 1)});
  ASSERT_TRUE(found);
  EXPECT_EQ(found->type, RTN_LOCAL);
}

TEST_F(KernelRoutes, NoRouteIsNoAnswer) {
  EXPECT_FALSE(route({.destination = Address::v4(10, 99, 0, 1)}));
  ASSERT_TRUE(hosts_->a->run("ip route add blackhole 10.98.0.0/24"));
  EXPECT_FALSE(route({.destination = Address::v4(10, 98, 0, 1)}));
}

TEST_F(KernelRoutes, OnlyEntriesLeavesOutWhatTheKernelWouldAssume) {
  const Address elsewhere = Address::v4(10, 99, 0, 1);
  EXPECT_TRUE(route({.destination = elsewhere, .device = device_}));
  EXPECT_FALSE(route({.destination = elsewhere, .device = device_, .only_entries = true}));
}

TEST_F(KernelRoutes, ADeviceHasNameAndMtu) {
  ASSERT_TRUE(hosts_->a->run("ip link set net0 mtu 1444"));
  const KernelDevice device = kernel_device(*socket_, device_);
  EXPECT_EQ(device.name, "net0");
  EXPECT_EQ(device.mtu, 1444U);
  EXPECT_EQ(kernel_device(*socket_, 0x7ffffff0).name, "");
}

}  // namespace
}  // namespace homa::io
