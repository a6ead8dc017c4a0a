#include "core/peer_table.h"

#include <gtest/gtest.h>

namespace homa::core {
namespace {

constexpr Time at(std::int64_t nanoseconds) { return Time{Duration{nanoseconds}}; }

TEST(PeerTable, CollectsOnlyIdlePeersAndOnlyWhenThereAreMany) {
  CoreConfig config;
  config.peers_max = 10;
  PeerTable peers(config);
  std::uint32_t collected = 0;
  const auto address = [](unsigned i) {
    return Address::v4(10, 0, 0, static_cast<std::uint8_t>(i));
  };
  for (unsigned i = 0; i < 10; ++i) peers.get(at(0), address(i), collected);
  Peer* busy = peers.get(at(0), address(0), collected);
  busy->rpcs = 1;
  peers.get(at(1'000'000'000), address(100), collected);
  EXPECT_EQ(collected, 0U) << "nobody is idle yet";
  peers.get(at(130'000'000'000), address(101), collected);
  EXPECT_GT(collected, 0U);
  EXPECT_EQ(peers.find(address(0)), busy);
  EXPECT_EQ(peers.find(address(1)), nullptr);
}

TEST(PeerTable, IsBoundedAgainstInventedAddresses) {
  CoreConfig config;
  config.peers_max = 10;
  PeerTable peers(config);
  std::uint32_t collected = 0;
  int refused = 0;
  for (unsigned i = 0; i < 200; ++i) {
    if (peers.get(at(0), Address::v4(10, 1, 0, static_cast<std::uint8_t>(i)), collected) ==
        nullptr) {
      ++refused;
    }
  }
  EXPECT_GT(refused, 0);
  EXPECT_LE(peers.size(), 40U);
}

}  // namespace
}  // namespace homa::core
