#include "core/peer_table.h"

#include <gtest/gtest.h>

#include <array>
#include <set>
#include <vector>

namespace homa::core {
namespace {

constexpr Time at(std::int64_t nanoseconds) { return Time{Duration{nanoseconds}}; }

Address address(unsigned i) {
  return Address::v4(10, 0, static_cast<std::uint8_t>(i >> 8), static_cast<std::uint8_t>(i));
}
constexpr Identity kAnna{0x111}, kBert{0x222};

struct PeerTableTest : testing::Test {
  PeerTableTest() { config.peers_max = 10; }

  Peer& get(Identity identity, const Address& from) {
    Peer* peer = peers.find(identity, from);
    return peer != nullptr ? *peer : *peers.add(at(0), identity, from, collected);
  }

  CoreConfig config;
  std::mt19937_64 random{1};
  PeerTable peers{config, random};
  std::uint32_t collected = 0;
};

TEST_F(PeerTableTest, ThoseWithoutRpcsGiveWayAtOnceAndOnlyWhenThereAreMany) {
  Place rpc;
  for (unsigned i = 0; i < 10; ++i) get(kNoIdentity, address(i));
  EXPECT_EQ(collected, 0U);
  Peer& busy = get(kNoIdentity, address(0));
  busy.rpcs.join(rpc);
  get(kNoIdentity, address(100));
  EXPECT_EQ(collected, 1U);
  EXPECT_EQ(peers.size(), 10U);
  EXPECT_EQ(peers.find(kNoIdentity, address(0)), &busy);
  EXPECT_EQ(peers.find(kNoIdentity, address(1)), nullptr) << "it was unused for longest";
  EXPECT_EQ(peers.at(address(1)), nullptr);
  busy.rpcs.leave(rpc);
}

TEST_F(PeerTableTest, StrangersGiveWayFirst) {
  for (unsigned i = 0; i < 10; ++i) get(kNoIdentity, address(i));
  for (unsigned i = 0; i < 5; ++i) peers.prove(get(kNoIdentity, address(i)));
  for (unsigned i = 100; i < 1'100; ++i) get(kNoIdentity, address(i));
  for (unsigned i = 0; i < 5; ++i) {
    EXPECT_NE(peers.find(kNoIdentity, address(i)), nullptr) << i;
  }
  EXPECT_EQ(peers.size(), 10U);
  peers.doubt(get(kNoIdentity, address(0)));
  for (unsigned i = 2'000; i < 2'020; ++i) get(kNoIdentity, address(i));
  EXPECT_EQ(peers.find(kNoIdentity, address(0)), nullptr) << "it is a stranger again";
}

TEST_F(PeerTableTest, ManyThatProvedTheirAddressGiveWayToNewcomersToo) {
  for (unsigned i = 0; i < 1'000; ++i) peers.prove(get(kNoIdentity, address(i)));
  EXPECT_EQ(peers.size(), 10U);
  EXPECT_NE(peers.add(at(0), kNoIdentity, address(2'000), collected), nullptr);
}

// What is remembered of its requests goes by its name (core/finished_ids.h).
TEST_F(PeerTableTest, ANameIsKeptWhenARecordGaveWay) {
  const std::uint64_t anna = get(kAnna, address(1)).name;
  const std::uint64_t kernel = get(kNoIdentity, address(1)).name;
  const std::uint64_t salt = get(kAnna, address(1)).salt;
  for (unsigned i = 100; i < 200; ++i) get(kNoIdentity, address(i));
  ASSERT_EQ(peers.find(kAnna, address(1)), nullptr);
  EXPECT_EQ(get(kAnna, address(2)).name, anna);
  EXPECT_NE(get(kAnna, address(2)).salt, salt);
  EXPECT_EQ(get(kNoIdentity, address(1)).name, kernel);
  EXPECT_NE(get(kBert, address(1)).name, anna);
}

TEST_F(PeerTableTest, IsBoundedAgainstInventedAddresses) {
  std::array<Place, 200> rpcs;
  std::vector<Peer*> busy;
  for (unsigned i = 0; i < rpcs.size(); ++i) {
    Peer* peer = peers.add(at(0), kNoIdentity, address(i), collected);
    if (peer == nullptr) continue;
    peer->rpcs.join(rpcs[i]);
    busy.push_back(peer);
  }
  EXPECT_EQ(busy.size(), 40U);
  EXPECT_EQ(peers.size(), 40U);
  for (std::size_t i = 0; i < busy.size(); ++i) busy[i]->rpcs.leave(rpcs[i]);
}

TEST_F(PeerTableTest, OursAreKnownByTheirIdentityWhereverTheyAre) {
  Peer& anna = get(kAnna, address(1));
  EXPECT_EQ(&get(kAnna, address(2)), &anna);
  EXPECT_EQ(peers.find(kAnna, address(3)), &anna);
  EXPECT_NE(&get(kBert, address(1)), &anna) << "two hosts behind one address";
  EXPECT_NE(&get(kNoIdentity, address(1)), &anna);
  EXPECT_NE(&get(kNoIdentity, address(2)), &get(kNoIdentity, address(1)))
      << "kernels are known by their address";
}

TEST_F(PeerTableTest, WhoWasAtAnAddressFirstIsCalledThereUntilAnotherSettles) {
  Peer& anna = get(kAnna, address(1));
  Peer& bert = get(kBert, address(1));
  EXPECT_EQ(peers.at(address(1)), &anna);
  EXPECT_EQ(peers.settle(bert, address(1)), &anna);
  EXPECT_EQ(peers.at(address(1)), &bert);
  EXPECT_FALSE(anna.settled());
  EXPECT_EQ(peers.find(kAnna, address(1)), &anna) << "it is still known";
  EXPECT_EQ(peers.settle(bert, address(1)), nullptr);
}

TEST_F(PeerTableTest, AHostThatMovedLeavesItsAddress) {
  Peer& anna = get(kAnna, address(1));
  EXPECT_EQ(peers.settle(anna, address(2)), nullptr);
  EXPECT_EQ(peers.at(address(1)), nullptr);
  EXPECT_EQ(peers.at(address(2)), &anna);
  EXPECT_EQ(anna.address, address(2));
}

TEST_F(PeerTableTest, AHostThatAnswersGetsItsNameInPlace) {
  Peer& called = get(kNoIdentity, address(1));
  const std::uint64_t salt = called.salt;
  peers.name(called, kAnna);
  EXPECT_EQ(peers.find(kAnna, address(1)), &called);
  EXPECT_EQ(peers.find(kNoIdentity, address(1)), nullptr);
  EXPECT_EQ(peers.at(address(1)), &called);
  EXPECT_EQ(called.salt, salt) << "hash tables have it";
}

// Two addresses of one host, called one after the other.
TEST_F(PeerTableTest, TwoRecordsMayHaveOneIdentity) {
  Peer& one = get(kNoIdentity, address(1));
  Peer& other = get(kNoIdentity, address(2));
  peers.name(one, kAnna);
  peers.name(other, kAnna);
  EXPECT_EQ(peers.find(kAnna, address(2)), &one);
  EXPECT_EQ(peers.at(address(2)), &other);
}

// Who knows how we show ourselves to one host does not know how we do to another.
TEST_F(PeerTableTest, WeShowAnotherIdentityToEachAddress) {
  std::set<Identity> shown;
  std::set<std::uint64_t> first_ids;
  for (unsigned i = 0; i < 20; ++i) {
    Peer& peer = get(kNoIdentity, address(i));
    EXPECT_EQ(peer.self, peers.self_towards(address(i)));
    EXPECT_NE(raw(peer.self) >> 40, 0U);
    shown.insert(peer.self);
    first_ids.insert(peer.first_id);
  }
  EXPECT_EQ(shown.size(), 20U);
  EXPECT_EQ(first_ids.size(), 20U);
  PeerTable another(config, random);
  EXPECT_NE(another.self_towards(address(1)), peers.self_towards(address(1)));
}

}  // namespace
}  // namespace homa::core
