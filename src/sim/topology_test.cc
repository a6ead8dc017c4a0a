#include "sim/topology.h"

#include <gtest/gtest.h>

namespace homa::sim {
namespace {

// The paper's network by hand: 10 Gbit/s is 800 ps a byte, 40 Gbit/s 200 ps.
TEST(BestTime, OfOnePacketIsTheSumOfItsHops) {
  BestTime best(TopologyConfig{}, PacketShape{});
  const std::int64_t wire = 1424 + 114;
  EXPECT_EQ(best(1424, true), SimTime(500'000 + wire * 800 + 250'000 + wire * 800 + 500'000));
  EXPECT_EQ(best(1424, false), SimTime(500'000 + wire * 800 + 250'000 + wire * 200 + 250'000 +
                                       wire * 200 + 250'000 + wire * 800 + 500'000));
}

TEST(BestTime, OfManyPacketsIsBoundByTheSlowestLink) {
  BestTime best(TopologyConfig{}, PacketShape{});
  const std::int64_t wire = 1424 + 114;
  // Nine full packets and one of a single byte, which waits for the ninth at the last link.
  const SimTime ten = best(9 * 1424 + 1, true);
  EXPECT_EQ(ten, SimTime(500'000 + 10 * wire * 800 + 250'000 + 115 * 800 + 500'000));
  EXPECT_EQ(best(10 * 1424, false) - best(9 * 1424, false), SimTime(wire * 800));
}

TEST(BestTime, SlowSpinesAreUsedInParallel) {
  TopologyConfig topology;
  topology.spine_bits_per_second = 10'000'000'000;
  BestTime fast(topology, PacketShape{});
  topology.spine_bits_per_second = 5'000'000'000;
  BestTime slow(topology, PacketShape{});
  // Four spines of 5 Gbit/s carry 10 Gbit/s: only the passage of one packet is longer.
  EXPECT_EQ(slow(142'400, false) - fast(142'400, false), SimTime(2 * 1538 * 800));
}

TEST(Topology, RoundTripOfThePapersNetworkIsWorthAboutTenKilobytes) {
  const SimTime round = round_trip(TopologyConfig{}, PacketShape{});
  EXPECT_GT(round, std::chrono::microseconds(6));
  EXPECT_LT(round, std::chrono::microseconds(8));
}

TEST(Topology, RefusesShapesThatCannotBe) {
  TopologyConfig topology;
  EXPECT_TRUE(topology.validate().has_value());
  topology.racks = 7;
  EXPECT_FALSE(topology.validate().has_value());
  topology = {};
  topology.kind = TopologyKind::kSingleSwitch;
  EXPECT_FALSE(topology.validate().has_value());
  topology.racks = 1;
  EXPECT_TRUE(topology.validate().has_value());
}

}  // namespace
}  // namespace homa::sim
