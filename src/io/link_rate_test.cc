#include "io/link_rate.h"

#include <gtest/gtest.h>

#include "io/open.h"
#include "system/namespace.h"

namespace homa::io {
namespace {

using testing::Namespace;

class LinkRate : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string reason;
    host_ = Namespace::create(reason);
    if (!host_) GTEST_SKIP() << reason;
    ASSERT_TRUE(
        host_->run("ip link add net0 type veth peer name net1; ip link set net0 up;"
                   "ip link set net1 up"));
  }
  std::uint64_t rate(const std::string& device) const {
    return host_->inside([&] { return link_rate(device); });
  }

  std::unique_ptr<Namespace> host_;
};

TEST_F(LinkRate, AVirtualDeviceWithoutAShaperHasNone) {
  EXPECT_EQ(rate("net0"), 0U);
  EXPECT_EQ(rate("lo"), 0U);
  EXPECT_EQ(rate("nothere"), 0U);
}

TEST_F(LinkRate, ATokenBucketAtTheRootSetsIt) {
  ASSERT_TRUE(host_->run("tc qdisc add dev net0 root tbf rate 50mbit burst 10k limit 50k"));
  EXPECT_EQ(rate("net0"), 50'000'000U);
  EXPECT_EQ(rate("net1"), 0U);
}

TEST_F(LinkRate, OfAnHtbTheFastestRootClassCounts) {
  ASSERT_TRUE(
      host_->run("tc qdisc add dev net0 root handle 1: htb default 1;"
                 "tc class add dev net0 parent 1: classid 1:1 htb rate 100mbit ceil 400mbit;"
                 "tc class add dev net0 parent 1: classid 1:2 htb rate 200mbit;"
                 "tc class add dev net0 parent 1:1 classid 1:11 htb rate 800mbit"));
  EXPECT_EQ(rate("net0"), 400'000'000U);
}

TEST_F(LinkRate, RatesBeyond32BitsOfBytesPerSecondAreRead) {
  ASSERT_TRUE(
      host_->run("tc qdisc add dev net0 root handle 1: htb default 1;"
                 "tc class add dev net0 parent 1: classid 1:1 htb rate 100gbit"));
  EXPECT_EQ(rate("net0"), 100'000'000'000U);
}

}  // namespace
}  // namespace homa::io
