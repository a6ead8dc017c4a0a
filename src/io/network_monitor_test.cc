#include "io/network_monitor.h"

#include <gtest/gtest.h>
#include <net/if.h>

#include "system/namespace.h"

namespace homa::io {
namespace {

using testing::Namespace;
using testing::TwoHosts;

Address v4(std::uint8_t last) { return Address::v4(10, 77, 0, last); }

class NetworkMonitorTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string reason;
    hosts_ = TwoHosts::create(reason);
    if (!hosts_) GTEST_SKIP() << reason;
  }
  std::unique_ptr<NetworkMonitor> open(const NetworkMonitor::Options& options = {}) {
    return hosts_->a->inside([&] {
      auto monitor = NetworkMonitor::open(options);
      EXPECT_TRUE(monitor) << monitor.error().text;
      return std::move(monitor).value();
    });
  }
  std::uint32_t index() const {
    return hosts_->a->inside([] { return if_nametoindex("net0"); });
  }

  std::unique_ptr<TwoHosts> hosts_;
};

TEST_F(NetworkMonitorTest, ARouteHasItsDeviceAndWhatFitsIntoItsMtu) {
  const auto monitor = open();
  const Route route = monitor->route(v4(2));
  EXPECT_EQ(route.device, index());
  EXPECT_EQ(route.packet_bytes_max, 1500U - 20 - 8);
  EXPECT_EQ(monitor->route(*Address::parse("fd77::2")).packet_bytes_max, 1500U - 40 - 8);
}

TEST_F(NetworkMonitorTest, ThereIsNoWayWhereNoRouteLeads) {
  const auto monitor = open();
  const Route route = monitor->route(Address::v4(10, 99, 0, 1));
  EXPECT_EQ(route.packet_bytes_max, 0U);
  EXPECT_EQ(route.device, 0U);
}

TEST_F(NetworkMonitorTest, TheConfigurationMayAllowLessThanTheDevice) {
  EXPECT_EQ(open({.mtu_max = 1300})->route(v4(2)).packet_bytes_max, 1300U - 20 - 8);
  EXPECT_EQ(open({.mtu_max = 9000})->route(v4(2)).packet_bytes_max, 1500U - 20 - 8);
  EXPECT_EQ(open({.carrier = Carrier::kIp})->route(v4(2)).packet_bytes_max, 1500U - 20);
}

TEST_F(NetworkMonitorTest, ASocketOfOneFamilyReachesNobodyOfTheOther) {
  const auto monitor = open({.source = v4(1).ip});
  EXPECT_NE(monitor->route(v4(2)).packet_bytes_max, 0U);
  EXPECT_EQ(monitor->route(*Address::parse("fd77::2")).packet_bytes_max, 0U);
}

TEST_F(NetworkMonitorTest, ARouteMayBeNarrowerThanItsDevice) {
  ASSERT_TRUE(hosts_->a->run("ip route add 10.88.0.0/24 via 10.77.0.2 mtu 1400"));
  EXPECT_EQ(open()->route(Address::v4(10, 88, 0, 1)).packet_bytes_max, 1400U - 20 - 8);
}

TEST_F(NetworkMonitorTest, NothingChangedUntilSomethingDoes) {
  const auto monitor = open();
  EXPECT_FALSE(monitor->changed());
  EXPECT_EQ(monitor->route(v4(2)).packet_bytes_max, 1472U);
  ASSERT_TRUE(hosts_->a->run("ip link set net0 mtu 1400"));
  EXPECT_TRUE(monitor->changed());
  EXPECT_FALSE(monitor->changed());
  EXPECT_EQ(monitor->route(v4(2)).packet_bytes_max, 1372U);
  ASSERT_TRUE(hosts_->a->run("ip addr add 10.78.0.1/24 dev net0"));
  EXPECT_TRUE(monitor->changed());
}

TEST_F(NetworkMonitorTest, ADeviceHasTheRateOfItsShaper) {
  const auto monitor = open();
  EXPECT_EQ(monitor->route(v4(2)).link_bits_per_second, 0U) << "a veth names a speed in vain";
  ASSERT_TRUE(hosts_->a->run("tc qdisc add dev net0 root tbf rate 200mbit burst 20k limit 100k"));
  EXPECT_TRUE(monitor->changed());
  EXPECT_EQ(monitor->route(v4(2)).link_bits_per_second, 200'000'000U);
  ASSERT_TRUE(hosts_->a->run(
      "tc qdisc del dev net0 root; tc qdisc add dev net0 root handle 1: htb default 1;"
      "tc class add dev net0 parent 1: classid 1:1 htb rate 1gbit ceil 2gbit"));
  EXPECT_TRUE(monitor->changed());
  EXPECT_EQ(monitor->route(v4(2)).link_bits_per_second, 2'000'000'000U);
}

}  // namespace
}  // namespace homa::io
