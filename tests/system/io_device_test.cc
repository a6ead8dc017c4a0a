// Devices as back ends find them, in namespaces that have what the test needs.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sys/prctl.h>
#include <unistd.h>

#include "io/testing.h"
#include "namespace.h"

namespace homa::io {
namespace {

using namespace testing;  // NOLINT
using homa::testing::Namespace;
using homa::testing::TwoHosts;
using ::testing::HasSubstr;

class IoDevice : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string reason;
    hosts_ = TwoHosts::create(reason);
    if (!hosts_) GTEST_SKIP() << reason;
  }
  std::uint64_t rate() {
    return hosts_->a->inside([] { return link_rate("net0"); });
  }
  bool shape(const std::string& tbf) {
    return hosts_->a->run("tc qdisc replace dev net0 root tbf " + tbf);
  }
  Result<std::unique_ptr<PacketIo>, Error> open_in_a(const IoConfig& config) {
    return hosts_->a->inside([&] { return open(config); });
  }
  std::unique_ptr<TwoHosts> hosts_;
};

TEST_F(IoDevice, TheNominalRateOfAVethIsNotBelieved) { EXPECT_EQ(rate(), 0U); }

TEST_F(IoDevice, TheRateIsTheRootDisciplines) {
  ASSERT_TRUE(shape("rate 200mbit burst 3000 limit 1mb"));
  EXPECT_EQ(rate(), 200'000'000U);
  ASSERT_TRUE(shape("rate 50gbit burst 1mb limit 10mb"));
  EXPECT_EQ(rate(), 50'000'000'000U);
  ASSERT_TRUE(
      hosts_->a->run("tc qdisc del dev net0 root;"
                     "tc qdisc add dev net0 root handle 1: htb default 10 r2q 1000;"
                     "tc class add dev net0 parent 1: classid 1:1 htb rate 900mbit;"
                     "tc class add dev net0 parent 1:1 classid 1:10 htb rate 10mbit ceil 500mbit"));
  EXPECT_EQ(rate(), 900'000'000U);
}

TEST_F(IoDevice, AddressMtuAndRateFollowTheDevice) {
  ASSERT_TRUE(
      hosts_->a->run("ip link set net0 mtu 9000;"
                     "tc qdisc replace dev net0 root tbf rate 1gbit burst 30kb limit 1mb"));
  IoConfig config;
  config.interface = "net0";
  auto io = open_in_a(config);
  ASSERT_TRUE(io) << io.error().text;
  const IoCapabilities& found = (*io)->capabilities();
  EXPECT_EQ(found.local.to_string(), "10.77.0.1");
  EXPECT_EQ(found.packet_bytes_max, 9000U - 28);
  EXPECT_EQ(found.overhead_bytes, 66U);
  EXPECT_EQ(found.link_bits_per_second, 1'000'000'000U);
}

// A run of packets that reaches a shaper as one would cost it its whole burst at once.
TEST_F(IoDevice, RunsOfPacketsAreNotJoinedWhereSegmentationIsOff) {
  IoConfig config;
  config.interface = "net0";
  auto on = open_in_a(config);
  ASSERT_TRUE(on) << on.error().text;
  if (!(*on)->capabilities().segmentation) GTEST_SKIP() << "this kernel has no UDP segmentation";
  on->reset();
  ASSERT_TRUE(hosts_->a->run("ethtool -K net0 gso off"));
  auto off = open_in_a(config);
  ASSERT_TRUE(off) << off.error().text;
  EXPECT_FALSE((*off)->capabilities().segmentation);
}

TEST_F(IoDevice, WithoutAnAddressTheSmallestMtuAndTheFirstRealDeviceCount) {
  ASSERT_TRUE(
      hosts_->a->run("ip link add other type veth peer name far; ip link set far up;"
                     "ip link set other up mtu 1280;"
                     "ip addr add 10.78.0.1/24 dev other"));
  auto io = open_in_a({});
  ASSERT_TRUE(io) << io.error().text;
  EXPECT_EQ((*io)->capabilities().local.to_string(), "10.77.0.1");
  EXPECT_EQ((*io)->capabilities().packet_bytes_max, 1280U - 48);
}

TEST_F(IoDevice, LinkLocalAddressesWork) {
  ASSERT_TRUE(
      hosts_->a->run("ip addr add fe80::77:1/64 dev net0 nodad;"
                     "ip neigh replace fe80::77:2 lladdr 02:00:00:00:77:02 dev net0"));
  ASSERT_TRUE(hosts_->b->run("ip addr add fe80::77:2/64 dev net0 nodad"));
  for (const std::string backend : {"udp", "raw"}) {
    IoConfig config;
    config.backend = backend;
    config.address = "fe80::77:1";
    auto a = open_in_a(config);
    ASSERT_TRUE(a) << a.error().text;
    config.address = "fe80::77:2";
    auto b = hosts_->b->inside([&] { return open(config); });
    ASSERT_TRUE(b) << b.error().text;
    // The kernel makes a new IPv6 address work a little after it said so.
    std::vector<Received> received;
    for (int attempt = 0; attempt < 20 && received.empty(); ++attempt) {
      ASSERT_TRUE(send_one(**a, make_packet(100, 1), (*b)->capabilities().local));
      received = receive_n(**b, 1, std::chrono::milliseconds(50));
    }
    ASSERT_EQ(received.size(), 1U) << backend;
    EXPECT_EQ(received[0].source, (*a)->capabilities().local);
  }
}

TEST_F(IoDevice, AnAddressHasRoomForOneRawEngine) {
  IoConfig config;
  config.backend = "raw";
  auto first = open_in_a(config);
  ASSERT_TRUE(first) << first.error().text;
  auto second = open_in_a(config);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::kInUse);
  EXPECT_THAT(second.error().text, HasSubstr("10.77.0.1"));
  first->reset();
  EXPECT_TRUE(open_in_a(config).has_value());
}

// In a process of its own, because a privilege once dropped does not come back.
TEST_F(IoDevice, RawWithoutThePrivilegeSaysSoAndNamesTheCure) {
  const auto attempt = [&] {
    const auto here = hosts_->a->enter();
    if (setuid(65534) != 0) _exit(2);
    IoConfig config;
    config.backend = "raw";
    auto io = open(config);
    if (io) _exit(3);
    std::fprintf(stderr, "%s\n", io.error().text.c_str());
    _exit(io.error().code == ErrorCode::kNotPermitted ? 0 : 4);
  };
  EXPECT_EXIT(attempt(), ::testing::ExitedWithCode(0), "CAP_NET_RAW.*setcap.*udp");
}

}  // namespace
}  // namespace homa::io
