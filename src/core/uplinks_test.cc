#include "core/uplinks.h"

#include <gtest/gtest.h>

namespace homa::core {
namespace {

constexpr std::uint64_t kSlow = 100'000'000, kFast = 1'000'000'000;

CoreConfig config() {
  CoreConfig config;
  config.link_bits_per_second = kFast;
  return config;
}

TEST(Uplinks, EachDeviceHasItsOwn) {
  const CoreConfig core = config();
  Uplinks links(core);
  EXPECT_FALSE(links.several());
  Uplink& slow = links.of_device(3, kSlow);
  Uplink& other = links.of_device(4, kSlow);
  EXPECT_NE(&slow, &other);
  EXPECT_NE(&slow, &links.usual());
  EXPECT_EQ(&links.of_device(3, kSlow), &slow);
  EXPECT_TRUE(links.several());
}

TEST(Uplinks, TheFirstDeviceOfTheConfiguredRateIsTheUsualOne) {
  const CoreConfig core = config();
  Uplinks links(core);
  EXPECT_EQ(&links.of_device(2, kFast), &links.usual());
  EXPECT_NE(&links.of_device(3, kFast), &links.usual());
  EXPECT_EQ(&links.of_device(2, kFast), &links.usual());
}

TEST(Uplinks, WhatIsNotKnownLeavesByTheUsualOne) {
  const CoreConfig core = config();
  Uplinks links(core);
  EXPECT_EQ(&links.of_device(0, kSlow), &links.usual());
  EXPECT_EQ(&links.of_device(3, 0), &links.usual());
  EXPECT_FALSE(links.several());
}

TEST(Uplinks, OneThatIsBusyHoldsNoOtherBack) {
  const CoreConfig core = config();
  Uplinks links(core);
  Uplink& slow = links.of_device(3, kSlow);
  Uplink& fast = links.of_device(4, 10 * kFast);
  const Time now(std::chrono::seconds(1));
  slow.pacer.charge(now, 100'000);
  EXPECT_FALSE(slow.pacer.may_send(now, {}));
  EXPECT_TRUE(fast.pacer.may_send(now, {}));
  EXPECT_TRUE(links.usual().pacer.may_send(now, {}));
}

TEST(Uplinks, ADeviceMayBecomeFaster) {
  const CoreConfig core = config();
  Uplinks links(core);
  Uplink& link = links.of_device(3, kSlow);
  const Time now(std::chrono::seconds(1));
  EXPECT_EQ(&links.of_device(3, 10 * kFast), &link);
  link.pacer.charge(now, 1'500);
  EXPECT_TRUE(link.pacer.may_send(now, {})) << "1.3 us of backlog";
}

TEST(Uplinks, NothingPacesWhatStaysOnTheHost) {
  const CoreConfig core = config();
  Uplinks links(core);
  Uplink& here = links.same_host();
  EXPECT_NE(&here, &links.usual());
  EXPECT_EQ(&links.same_host(), &here);
  const Time now(std::chrono::seconds(1));
  links.usual().pacer.charge(now, 1'000'000);
  here.pacer.charge(now, 1'000'000);
  EXPECT_FALSE(links.usual().pacer.may_send(now, {}));
  EXPECT_TRUE(here.pacer.may_send(now, {}));
  EXPECT_EQ(here.pacer.next_chance(now), now);
}

TEST(Uplinks, DevicesBeyondTheBoundShareTheUsualOne) {
  const CoreConfig core = config();
  Uplinks links(core);
  for (std::uint32_t device = 1; device < Uplinks::kMax; ++device) {
    EXPECT_NE(&links.of_device(device, kSlow), &links.usual());
  }
  EXPECT_EQ(&links.of_device(100, kSlow), &links.usual());
  EXPECT_NE(&links.of_device(1, kSlow), &links.usual());
}

}  // namespace
}  // namespace homa::core
