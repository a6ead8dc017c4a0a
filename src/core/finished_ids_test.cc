#include "core/finished_ids.h"

#include <gtest/gtest.h>

namespace homa::core {
namespace {

constexpr Time at(std::int64_t nanoseconds) { return Time{Duration{nanoseconds}}; }
constexpr Address kHost = Address::v4(10, 0, 0, 1);

struct FinishedIdsTest : testing::Test {
  Peer& peer(Identity identity) {
    std::uint32_t collected = 0;
    Peer* known = peers.find(identity, kHost);
    return known != nullptr ? *known : *peers.add(at(0), identity, kHost, collected);
  }

  CoreConfig config;
  std::mt19937_64 random{1};
  PeerTable peers{config, random};
  FinishedIds finished{8, peers.hash_key()};
};

TEST_F(FinishedIdsTest, RefusesWhatRanEvenAfterItLeftTheRing) {
  Peer& ours = peer(Identity{5});
  for (std::uint64_t id = 100; id < 200; id += 2) finished.add(ours, WireId{id});
  for (std::uint64_t id = 100; id < 200; id += 2)
    EXPECT_TRUE(finished.may_have_run(ours, WireId{id}));
  EXPECT_FALSE(finished.may_have_run(ours, WireId{200}));
  EXPECT_FALSE(finished.may_have_run(peer(Identity{6}), WireId{150}))
      << "a new engine starts its ids anew";
}

// Whoever pretends to be at the host's address does not know its identity.
TEST_F(FinishedIdsTest, AnotherHostsIdsSayNothingAboutThisOnes) {
  Peer& honest = peer(Identity{5});
  Peer& stranger = peer(Identity{6});
  for (std::uint64_t i = 1; i <= 20; ++i) finished.add(stranger, WireId{0 - 2 * i});
  EXPECT_FALSE(finished.may_have_run(honest, WireId{100}));
}

TEST_F(FinishedIdsTest, AKernelsLowIdsAreNewAgainAfterItsRestart) {
  Peer& kernel = peer(kNoIdentity);
  for (std::uint64_t id = 100; id < 200; id += 2) finished.add(kernel, WireId{id});
  EXPECT_FALSE(finished.may_have_run(kernel, WireId{2}));
  EXPECT_TRUE(finished.may_have_run(kernel, WireId{198}));
}

// A host whose record gave way to another's comes back with a late copy of its request.
TEST_F(FinishedIdsTest, RemembersAHostThatWasForgottenMeanwhile) {
  finished.add(peer(Identity{5}), WireId{100});
  config.peers_max = 1;
  std::uint32_t collected = 0;
  ASSERT_NE(peers.add(at(200'000'000'000), Identity{6}, kHost, collected), nullptr);
  ASSERT_EQ(collected, 1U);
  ASSERT_EQ(peers.find(Identity{5}, kHost), nullptr);
  Peer* back = peers.add(at(200'000'000'000), Identity{5}, kHost, collected);
  ASSERT_NE(back, nullptr);
  EXPECT_TRUE(finished.may_have_run(*back, WireId{100}));
  EXPECT_FALSE(finished.may_have_run(*back, WireId{102}));
}

}  // namespace
}  // namespace homa::core
