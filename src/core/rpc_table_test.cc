#include "core/rpc_table.h"

#include <gtest/gtest.h>

#include <random>
#include <set>

#include "core/peer_table.h"

namespace homa::core {
namespace {

constexpr std::uint32_t kMost = 300;  // more than one chunk
constexpr Port kServer{80};
constexpr Identity kIdentity{std::uint64_t{7} << 40};

struct RpcTableTest : testing::Test {
  void TearDown() override {
    table.for_each([this](Rpc& rpc) { table.remove(rpc); });
  }
  Peer& peer(std::uint8_t number, Identity identity) {
    std::uint32_t collected = 0;
    return *peers.add(Time{}, identity, Address::v4(10, 0, 0, number), collected);
  }

  CoreConfig config;
  std::mt19937_64 random{1};
  PeerTable peers{config, random};
  RpcTable table{kMost, 1'000, peers.hash_key()};
};

TEST_F(RpcTableTest, AnRpcIsFoundByEachOfItsNamesUntilItIsRemoved) {
  Peer& one = peer(1, kIdentity);
  Rpc& ours = *table.add_client(one);
  Rpc& served = *table.add_served(one, WireId{44}, kServer);
  EXPECT_EQ(table.find(ours.id), &ours);
  EXPECT_EQ(table.find_client(ours.client_id), &ours);
  EXPECT_EQ(table.find(served.id), &served);
  EXPECT_EQ(table.find_served(one, WireId{44}, kServer), &served);
  EXPECT_EQ(table.find_client(WireId{raw(served.id)}), nullptr) << "it is not one of ours";
  EXPECT_EQ(table.find_served(one, WireId{44}, Port{81}), nullptr);
  EXPECT_EQ(table.find_served(peer(2, kIdentity), WireId{44}, kServer), nullptr);
  EXPECT_EQ(table.size(), 2U);
  EXPECT_EQ(table.clients(), 1U);
  const RpcId id = ours.id;
  table.remove(ours);
  table.remove(served);
  EXPECT_EQ(table.find(id), nullptr);
  EXPECT_EQ(table.find_served(one, WireId{44}, kServer), nullptr);
  EXPECT_EQ(table.size(), 0U);
  EXPECT_TRUE(one.rpcs.empty());
}

TEST_F(RpcTableTest, ASlotThatIsUsedAgainHasAnotherId) {
  Peer& one = peer(1, kIdentity);
  std::set<RpcId> ids;
  for (int i = 0; i < 100; ++i) {
    Rpc& rpc = *table.add_client(one);
    EXPECT_EQ(rpc.slot, 0U);
    EXPECT_TRUE(ids.insert(rpc.id).second);
    table.remove(rpc);
  }
  for (const RpcId id : ids) EXPECT_EQ(table.find(id), nullptr);
}

TEST_F(RpcTableTest, NoMoreAreInProgressThanMayBe) {
  Peer& one = peer(1, kIdentity);
  for (std::uint32_t i = 0; i < kMost; ++i) ASSERT_NE(table.add_client(one), nullptr);
  EXPECT_EQ(table.add_client(one), nullptr);
  EXPECT_EQ(table.add_served(one, WireId{44}, kServer), nullptr);
  std::uint32_t seen = 0;
  table.for_each([&](Rpc& rpc) {
    ++seen;
    table.remove(rpc);
  });
  EXPECT_EQ(seen, kMost);
  EXPECT_NE(table.add_served(one, WireId{44}, kServer), nullptr);
}

TEST_F(RpcTableTest, IdsTowardsAnEngineGrow) {
  Peer& one = peer(1, kIdentity);
  WireId last{};
  for (int i = 0; i < 100; ++i) {
    const WireId id = table.add_client(one)->client_id;
    EXPECT_GT(id, last);
    EXPECT_TRUE(is_client_id(id));
    last = id;
  }
}

TEST_F(RpcTableTest, AnRpcThatWaitedBehindManyGetsTheNewestId) {
  Peer& one = peer(1, kIdentity);
  Rpc& early = *table.add_client(one);
  const WireId first = early.client_id;
  table.freshen(early);
  EXPECT_EQ(early.client_id, first) << "it is the newest";
  WireId newest{};
  for (int i = 0; i < 1'000; ++i) {
    Rpc& other = *table.add_client(one);
    newest = other.client_id;
    table.remove(other);
  }
  const RpcId id = early.id;
  table.freshen(early);
  EXPECT_GT(early.client_id, newest);
  EXPECT_EQ(table.find_client(early.client_id), &early);
  EXPECT_EQ(table.find_client(first), nullptr);
  EXPECT_EQ(table.find(id), &early) << "its application's name for it stays";
}

TEST_F(RpcTableTest, IdsTowardsAKernelThatWasHeardHaveNoOrder) {
  Peer& kernel = peer(1, kNoIdentity);
  kernel.liveness.heard(Time{Duration{1}});
  std::set<WireId> ids;
  int smaller = 0;
  WireId last{};
  for (int i = 0; i < 100; ++i) {
    const WireId id = table.add_client(kernel)->client_id;
    EXPECT_TRUE(ids.insert(id).second);
    smaller += id < last ? 1 : 0;
    last = id;
  }
  EXPECT_GT(smaller, 20);
}

}  // namespace
}  // namespace homa::core
