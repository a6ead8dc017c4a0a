#include "core/downlink.h"

#include <gtest/gtest.h>

namespace homa::core {
namespace {

constexpr Time at(std::int64_t nanoseconds) { return Time{Duration{nanoseconds}}; }

TEST(Downlink, IsIdleOnlyWhenNothingExplainsATick) {
  const CoreConfig config;  // 10 Gbit/s: 1538 bytes take 1.23 us
  Downlink link(config);
  Time now = at(10'000'000);
  for (int i = 0; i < 5'000; ++i) {  // 6.15 ms at the link's rate
    link.received(now, 1480);
    now += Duration(1'230);
  }
  EXPECT_FALSE(link.idle_since(now, at(10'000'001)));
  EXPECT_TRUE(link.idle_since(now, at(10'000'000)));            // before the first of them
  EXPECT_FALSE(link.idle_since(now + Duration(900'000), now));  // a batch may be due
  EXPECT_TRUE(link.idle_since(now + Duration(2'100'000), now));
}

TEST(Downlink, ALinkThatIsHalfFullFallsIdle) {
  const CoreConfig config;
  Downlink link(config);
  Time now = at(10'000'000);
  for (int i = 0; i < 5'000; ++i) {
    link.received(now, 1480);
    now += Duration(2'460);
  }
  EXPECT_TRUE(link.idle_since(now, now - Duration(3'000'000)));
}

TEST(Downlink, ABurstExplainsThePauseBeforeIt) {
  CoreConfig config;
  config.link_bits_per_second = 200'000'000;  // 1538 bytes take 68 us at nine tenths of the rate
  Downlink link(config);
  Time now = at(1'000'000'000);
  for (int pause = 0; pause < 10; ++pause) {  // a host that runs once in ten milliseconds
    for (int i = 0; i < 150; ++i) {
      link.received(now, 1480);
      now += Duration(1'000);
    }
    now += Duration(9'850'000);
  }
  EXPECT_FALSE(link.idle_since(now - Duration(9'000'000), at(1'010'000'000)));
  for (int pause = 0; pause < 3; ++pause) {  // and now with half the load
    for (int i = 0; i < 75; ++i) link.received(now, 1480);
    now += Duration(10'000'000);
  }
  EXPECT_TRUE(link.idle_since(now, now - Duration(25'000'000)));
}

TEST(Downlink, OnASlowLinkOnePacketAtATimeKeepsItBusy) {
  CoreConfig config;
  config.link_bits_per_second = 1'000'000;
  Downlink link(config);
  Time now = at(1'000'000'000);
  for (int i = 0; i < 20; ++i) {
    link.received(now, 1480);
    now += Duration(12'304'000);
  }
  EXPECT_FALSE(link.idle_since(now, at(1'000'000'001)));
}

TEST(Downlink, OfUnknownRateExplainsNothing) {
  CoreConfig config;
  config.link_bits_per_second = 0;
  Downlink link(config);
  link.received(at(1'000), 1480);
  EXPECT_TRUE(link.idle_since(at(1'000), at(1'000)));
}

}  // namespace
}  // namespace homa::core
