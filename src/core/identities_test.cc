#include "core/identities.h"

#include "core/parts_fixture.h"

namespace homa::core {
namespace {

using wire::PacketType;

constexpr Identity kOne{1ULL << 40 | 1}, kOther{1ULL << 40 | 2};

struct IdentitiesTest : PartsTest {
  // The header of a packet in which a server says something of an RPC of ours.
  wire::CommonHeader about(RpcId id, Identity identity) {
    wire::CommonHeader common;
    common.source_port = kServer;
    common.destination_port = client_port;
    common.identity = identity;
    common.type = PacketType::kBusy;
    common.sender_id = other_side(state.rpcs.find(id)->client_id);
    return common;
  }
  wire::CommonHeader of(Identity identity) {
    wire::CommonHeader common;
    common.identity = identity;
    common.sender_id = WireId{1'000};
    return common;
  }
  Parties parties(std::uint8_t from, const wire::CommonHeader& common) {
    return identities.parties(state.now, {.source = host(from), .bytes = {}}, common);
  }
  // The nonce of the only CHALLENGE among what is sent now, and where it goes.
  std::pair<std::uint64_t, Address> challenge() {
    for (const TxPacket& packet : sent()) {
      if (type_of(packet) != PacketType::kChallenge) continue;
      const auto header = wire::parse_challenge({packet.header.data(), packet.header_length});
      return {header->nonce, packet.destination};
    }
    return {};
  }
};

TEST_F(IdentitiesTest, AHostIsKnownByItsIdentityWhereverItIs) {
  Peer& peer = *lifetimes.new_peer(kStart, kOne, host(1));
  EXPECT_EQ(identities.sender(kStart, {.source = host(2), .bytes = {}}, of(kOne)), &peer);
  EXPECT_EQ(identities.sender(kStart, {.source = host(1), .bytes = {}}, of(kOther)), nullptr);
}

TEST_F(IdentitiesTest, AKernelIsKnownByItsAddressUnlessOneOfOursIsThere) {
  Peer& kernel = *lifetimes.new_peer(kStart, kNoIdentity, host(1));
  EXPECT_EQ(identities.sender(kStart, {.source = host(1), .bytes = {}}, of(kNoIdentity)), &kernel);
  Peer& ours = *lifetimes.new_peer(kStart, kOne, host(2));
  state.peers.prove(ours);
  ours.liveness.heard(kStart);
  EXPECT_TRUE(identities.belongs_to_ours(kStart, host(2)));
  EXPECT_EQ(identities.sender(kStart, {.source = host(2), .bytes = {}}, of(kNoIdentity)), nullptr);
  EXPECT_FALSE(identities.belongs_to_ours(kStart + state.config.need_ack_give_up, host(2)))
      << "it was not heard for long";
}

TEST_F(IdentitiesTest, TheFirstAnswerNamesTheServerAndProvesItsAddress) {
  const RpcId id = call(1, 10);
  const Parties who = parties(1, about(id, kOne));
  ASSERT_NE(who.peer, nullptr);
  EXPECT_EQ(who.rpc, state.rpcs.find(id));
  EXPECT_EQ(who.peer->identity, kOne);
  EXPECT_TRUE(who.peer->proved);
}

TEST_F(IdentitiesTest, AnAnswerFromElsewhereOrToAnotherPortIsRefused) {
  const RpcId id = call(1, 10);
  EXPECT_TRUE(parties(2, about(id, kOne)).refused);
  wire::CommonHeader wrong = about(id, kOne);
  wrong.destination_port = Port{41'000};
  EXPECT_TRUE(parties(1, wrong).refused);
  EXPECT_EQ(state.peers.at(host(1))->identity, kNoIdentity);
}

TEST_F(IdentitiesTest, ARestartedServerTakesWhatItsFormerSelfNeverAnswered) {
  const RpcId heard = call(1, 10);
  timeouts.heard(kStart, *parties(1, about(heard, kOne)).rpc);
  const RpcId unheard = call(1, 20);
  EXPECT_TRUE(parties(1, about(unheard, kOther)).refused) << "it has to prove that it is there";
  EXPECT_NE(state.rpcs.find(heard), nullptr);
  const auto [nonce, there] = challenge();
  EXPECT_EQ(there, host(1));
  identities.on_answer(kStart, {.source = host(1), .bytes = {}}, nullptr, {of(kOther), nonce});
  EXPECT_EQ(state.rpcs.find(heard), nullptr) << "it may have run";
  EXPECT_EQ(recorder.counters.peers_restarted, 1U);
  const Parties now = parties(1, about(unheard, kOther));
  ASSERT_NE(now.peer, nullptr);
  EXPECT_EQ(now.rpc, state.rpcs.find(unheard));
  EXPECT_EQ(now.rpc->peer, now.peer);
  EXPECT_EQ(now.peer->identity, kOther);
}

TEST_F(IdentitiesTest, APeerMovesWhenItAnswersAtItsNewAddress) {
  Peer& peer = *lifetimes.new_peer(kStart, kOne, host(1));
  const RxPacket packet{.source = host(2), .bytes = {}};
  identities.note_packet_of(kStart, peer, packet, of(kOne));
  EXPECT_EQ(peer.address, host(1)) << "a packet alone proves nothing";
  const auto [nonce, there] = challenge();
  EXPECT_EQ(there, host(2));
  wire::AnswerHeader answer{of(kOne), nonce + 1};
  identities.on_answer(kStart, packet, &peer, answer);
  EXPECT_EQ(peer.address, host(1));
  answer.nonce = nonce;
  identities.on_answer(kStart, packet, &peer, answer);
  EXPECT_EQ(peer.address, host(2));
  EXPECT_EQ(state.peers.at(host(2)), &peer);
  EXPECT_TRUE(peer.proved);
  EXPECT_EQ(recorder.counters.peers_moved, 1U);
}

TEST_F(IdentitiesTest, WhoClaimsAnAddressOfAPeerWithRpcsMakesUsAskThere) {
  const RpcId id = call(1, 10);
  timeouts.heard(kStart, *parties(1, about(id, kOne)).rpc);
  Peer& here = *state.peers.at(host(1));
  here.liveness.heard(kStart);
  sent();
  identities.contest(kStart, {.source = host(1), .bytes = {}}, of(kOther));
  const auto [nonce, there] = challenge();
  EXPECT_EQ(there, host(1));
  EXPECT_EQ(state.peers.at(host(1)), &here);
  // The other one is there indeed.
  identities.on_answer(kStart, {.source = host(1), .bytes = {}}, nullptr, {of(kOther), nonce});
  EXPECT_EQ(state.peers.at(host(1))->identity, kOther);
  EXPECT_EQ(state.rpcs.find(id), nullptr);
}

TEST_F(IdentitiesTest, ANewcomerAtAnAddressThatWeCalledIsTheOneWeCalled) {
  const RpcId id = call(1, 10);
  Peer* called = state.peers.at(host(1));
  EXPECT_EQ(identities.newcomer(kStart, host(1), kOne), called);
  EXPECT_EQ(called->identity, kOne);
  called->liveness.heard(kStart);
  EXPECT_NE(identities.newcomer(kStart, host(1), kOther), called);
  EXPECT_NE(state.rpcs.find(id), nullptr);
}

}  // namespace
}  // namespace homa::core
