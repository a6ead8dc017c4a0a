#include "core/pacer.h"

#include <gtest/gtest.h>

namespace homa::core {
namespace {

constexpr Time at(std::int64_t nanoseconds) { return Time{Duration{nanoseconds}}; }

TEST(Pacer, LetsNoMoreIntoTheNicThanTheBacklogAllows) {
  CoreConfig config;  // 10 Gbit/s, 5 us
  Pacer pacer(config, config.link_bits_per_second);
  int packets = 0;
  while (pacer.may_send(at(0), {}) && packets < 100) {
    pacer.charge(at(0), 1480);
    ++packets;
  }
  EXPECT_EQ(packets, 5);  // 1538 bytes take 1.24 us: the fifth begins before 5 us
  EXPECT_FALSE(pacer.may_send(at(1'000), {}));
  EXPECT_TRUE(pacer.may_send(pacer.next_chance(at(0)), {}));
}

TEST(Pacer, KeepsTheLinkAtItsShareOverTime) {
  CoreConfig config;
  Pacer pacer(config, config.link_bits_per_second);
  std::uint64_t wire_bytes = 0;
  Time now{};
  while (now < at(10'000'000)) {
    while (pacer.may_send(now, {})) {
      pacer.charge(now, 1480);
      wire_bytes += 1480 + config.packet_overhead_bytes;
    }
    now = pacer.next_chance(now);
  }
  const double gigabits = static_cast<double>(wire_bytes) * 8 / 10e6;
  EXPECT_NEAR(gigabits, 9.9, 0.02);
}

TEST(Pacer, StopsWhenTheDeviceSaysThatItIsFull) {
  CoreConfig config;
  config.device_queue_bytes_max = 10'000;
  const Pacer pacer(config, config.link_bits_per_second);
  EXPECT_TRUE(pacer.may_send(at(0), {9'999}));
  EXPECT_FALSE(pacer.may_send(at(0), {10'000}));
  EXPECT_GT(pacer.next_chance(at(0)), at(0));
}

TEST(Pacer, KeepsToANewRate) {
  CoreConfig config;
  Pacer pacer(config, 100'000'000);
  pacer.charge(at(0), 1480);  // 124 us at 99 Mbit/s
  EXPECT_FALSE(pacer.may_send(at(100'000), {}));
  pacer.set_rate(10'000'000'000);
  pacer.charge(at(200'000), 1480);
  EXPECT_TRUE(pacer.may_send(at(200'000), {}));
  pacer.set_rate(0);
  for (int i = 0; i < 1'000; ++i) pacer.charge(at(200'000), 1480);
  EXPECT_TRUE(pacer.may_send(at(200'000), {})) << "no limit";
}

}  // namespace
}  // namespace homa::core
