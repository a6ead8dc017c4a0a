#include "io/local_paths.h"

#include <gtest/gtest.h>
#include <net/if.h>

#include "system/namespace.h"

namespace homa::io {
namespace {

using testing::Namespace;
using testing::TwoHosts;

// Two addresses on net0; net1 leads to a third host.
class LocalPathsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string reason;
    hosts_ = TwoHosts::create(reason);
    third_ = hosts_ ? Namespace::create(reason) : nullptr;
    if (!third_) GTEST_SKIP() << reason;
    ASSERT_TRUE(hosts_->a->run("ip link add net1 type veth peer name net0 netns " + third_->path() +
                               "; ip link set net1 up; ip addr add 10.77.0.9/24 dev net0;"
                               "ip addr add 10.78.0.1/24 dev net1"));
    ASSERT_TRUE(third_->run("ip link set net0 up"));
    hosts_->a->inside([&] {
      auto socket = NetlinkSocket::open();
      ASSERT_TRUE(socket);
      paths_.emplace(std::move(*socket));
      net0_ = if_nametoindex("net0");
      net1_ = if_nametoindex("net1");
    });
  }

  const Address peer_ = Address::v4(10, 77, 0, 2);
  const IpAddress first_ = Address::v4(10, 77, 0, 1).ip, second_ = Address::v4(10, 77, 0, 9).ip;
  std::unique_ptr<TwoHosts> hosts_;
  std::unique_ptr<Namespace> third_;
  std::optional<LocalPaths> paths_;
  std::uint32_t net0_ = 0, net1_ = 0;
};

TEST_F(LocalPathsTest, WhatTheKernelChoosesAnywayNeedsNoPath) {
  const PathId path = paths_->find(peer_, first_, net0_);
  EXPECT_EQ(path, kAnyPath);
  EXPECT_EQ(paths_->end(path), nullptr);
}

TEST_F(LocalPathsTest, AnotherAddressOfOursIsNamed) {
  const PathId path = paths_->find(peer_, second_, net0_);
  ASSERT_NE(paths_->end(path), nullptr);
  EXPECT_EQ(paths_->end(path)->local, second_);
  EXPECT_EQ(paths_->end(path)->device, 0U) << "the routes lead there";
  EXPECT_EQ(paths_->find(peer_, second_, net0_), path);
  EXPECT_EQ(paths_->find(Address::v4(10, 77, 0, 3), second_, net0_), path) << "the same end";
}

TEST_F(LocalPathsTest, ADeviceIsNamedOnlyIfItHasARouteOfItsOwn) {
  const IpAddress ours = Address::v4(10, 78, 0, 1).ip;
  const PathId without = paths_->find(peer_, ours, net1_);
  ASSERT_NE(paths_->end(without), nullptr);
  EXPECT_EQ(paths_->end(without)->device, 0U);
  ASSERT_TRUE(hosts_->a->run("ip route add 10.77.0.0/24 dev net1 metric 500"));
  paths_->forget();
  const PathId with = paths_->find(peer_, ours, net1_);
  ASSERT_NE(paths_->end(with), nullptr);
  EXPECT_EQ(paths_->end(with)->device, net1_);
  EXPECT_EQ(paths_->end(with)->local, ours);
  EXPECT_EQ(paths_->end(without)->device, 0U) << "paths stay what they are";
}

TEST_F(LocalPathsTest, ANumberThatNobodyGaveIsNoPath) {
  EXPECT_EQ(paths_->end(static_cast<PathId>(77)), nullptr);
}

}  // namespace
}  // namespace homa::io
