#include "core/peer_table.h"

#include <gtest/gtest.h>

namespace homa::core {
namespace {

constexpr Time at(std::int64_t nanoseconds) { return Time{Duration{nanoseconds}}; }

struct PeerTableTest : testing::Test {
  PeerTableTest() { config.peers_max = 10; }
  static Address address(unsigned i) {
    return Address::v4(10, 0, static_cast<std::uint8_t>(i >> 8), static_cast<std::uint8_t>(i));
  }
  Peer* get(unsigned i, std::int64_t nanoseconds = 0) {
    return peers.get(at(nanoseconds), address(i), collected);
  }

  CoreConfig config;
  PeerTable peers{config, 1};
  std::uint32_t collected = 0;
};

TEST_F(PeerTableTest, ThoseWithoutRpcsGiveWayAtOnceAndOnlyWhenThereAreMany) {
  for (unsigned i = 0; i < 10; ++i) get(i);
  EXPECT_EQ(collected, 0U);
  get(0)->rpcs = 1;
  get(100);
  EXPECT_EQ(collected, 1U);
  EXPECT_EQ(peers.size(), 10U);
  EXPECT_NE(peers.find(address(0)), nullptr) << "it has an RPC";
  EXPECT_EQ(peers.find(address(1)), nullptr) << "it was unused for longest";
}

TEST_F(PeerTableTest, StrangersGiveWayFirst) {
  for (unsigned i = 0; i < 10; ++i) get(i);
  for (unsigned i = 0; i < 5; ++i) peers.prove(*get(i));
  for (unsigned i = 100; i < 1'100; ++i) get(i);
  for (unsigned i = 0; i < 5; ++i) EXPECT_NE(peers.find(address(i)), nullptr) << i;
  EXPECT_EQ(peers.size(), 10U);
}

TEST_F(PeerTableTest, ManyThatProvedTheirAddressGiveWayToNewcomersToo) {
  for (unsigned i = 0; i < 1'000; ++i) peers.prove(*get(i));
  EXPECT_EQ(peers.size(), 10U);
  EXPECT_NE(get(2'000), nullptr);
}

// What is remembered of its requests goes by its life (core/finished_ids.h).
TEST_F(PeerTableTest, ALifeGoesOnWhenARecordGaveWay) {
  Peer* peer = get(1);
  peers.learn_incarnation(*peer, 77);
  const std::uint64_t life = peer->life;
  for (unsigned i = 100; i < 200; ++i) get(i);
  ASSERT_EQ(peers.find(address(1)), nullptr);
  peer = get(1);
  EXPECT_NE(peer->life, life) << "it may be another engine";
  peers.learn_incarnation(*peer, 77);
  EXPECT_EQ(peer->life, life);
  peers.restart(*peer, 78);
  EXPECT_NE(peer->life, life);
}

TEST(PeerTable, IsBoundedAgainstInventedAddresses) {
  CoreConfig config;
  config.peers_max = 10;
  PeerTable peers(config, 1);
  std::uint32_t collected = 0;
  int refused = 0;
  for (unsigned i = 0; i < 200; ++i) {
    Peer* peer = peers.get(at(0), Address::v4(10, 1, 0, static_cast<std::uint8_t>(i)), collected);
    if (peer == nullptr) {
      ++refused;
    } else {
      peer->rpcs = 1;
    }
  }
  EXPECT_GT(refused, 0);
  EXPECT_LE(peers.size(), 40U);
}

}  // namespace
}  // namespace homa::core
