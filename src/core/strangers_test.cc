#include "core/strangers.h"

#include "core/parts_fixture.h"

namespace homa::core {
namespace {

using wire::PacketType;

struct StrangersTest : PartsTest {
  Account& account() { return *state.accounts.find(kDefaultAccount); }
};

TEST_F(StrangersTest, APeerIsOneUntilItHasProvedItsAddressButForTrustedKernels) {
  Peer& peer = stranger(1);
  EXPECT_TRUE(strangers.is_stranger(peer));
  state.peers.prove(peer);
  EXPECT_FALSE(strangers.is_stranger(peer));
  EXPECT_FALSE(strangers.is_stranger(*lifetimes.new_peer(kStart, kNoIdentity, host(2))));
}

TEST_F(StrangersTest, AsMuchIsSentAsItsPacketsAllow) {
  Peer& peer = stranger(1);
  EXPECT_FALSE(strangers.may_send_to(peer, 1)) << "it has sent nothing";
  peer.credit.received(100);
  EXPECT_TRUE(strangers.may_send_to(peer, 200));
  EXPECT_FALSE(strangers.may_send_to(peer, 101));
  EXPECT_TRUE(strangers.may_send_to(peer, 100));
  EXPECT_EQ(recorder.counters.packets_withheld, 2U);
  state.peers.prove(peer);
  EXPECT_TRUE(strangers.may_send_to(peer, 1'000'000));
  EXPECT_TRUE(strangers.may_answer(nullptr, 1'000'000)) << "an answer is no longer than a packet";
}

TEST_F(StrangersTest, TheOldestHalfSentRequestGivesWay) {
  Peer& first = stranger(1);
  Peer& second = stranger(2);
  EXPECT_EQ(strangers.in_the_way_of(account(), 90'000), nullptr);
  request(first, 100, 60'000, 1'000);
  request(second, 200, 60'000, 1'000);
  // An eighth of the memory: for two of them.
  EXPECT_EQ(strangers.in_the_way_of(account(), 60'000), served(first, 100));
  request(second, 202, 60'000, 1'000);
  EXPECT_EQ(served(first, 100), nullptr);
  EXPECT_NE(served(second, 200), nullptr);
  EXPECT_NE(served(second, 202), nullptr);
  EXPECT_EQ(recorder.counters.requests_displaced, 1U);
}

TEST_F(StrangersTest, WhoHasProvedItsAddressKeepsItsHalfSentRequests) {
  Peer& peer = stranger(1);
  request(peer, 100, 60'000, 1'000);
  request(peer, 102, 60'000, 1'000);
  state.peers.prove(peer);
  EXPECT_EQ(strangers.in_the_way_of(account(), 90'000), nullptr);
  EXPECT_NE(served(peer, 100), nullptr);
}

TEST_F(StrangersTest, ALongResponseIsHeldBackUntilTheClientHasProvedItsAddress) {
  Peer& peer = stranger(1);
  Rpc& rpc = answered(peer, 100, 50'000);
  // One packet of 156 bytes came, and three times as much may go.
  EXPECT_LT(rpc.out.granted(), 3U * 156);
  EXPECT_TRUE(rpc.held_place.in_line());
  EXPECT_EQ(count(sent(), PacketType::kChallenge), 1U);
  strangers.give_grant(kStart, rpc, 50'000);
  EXPECT_LT(rpc.out.granted(), 3U * 156) << "a grant is worth nothing from it";
  state.peers.prove(peer);
  strangers.let_go(peer);
  EXPECT_EQ(rpc.out.granted(), 50'000U);
  EXPECT_FALSE(rpc.held_place.in_line());
}

TEST_F(StrangersTest, TheOldestResponseToOneMakesRoomElseThatOfABusyPeer) {
  Peer& newcomer = proved(9);
  EXPECT_EQ(strangers.displaced_by(kStart, *state.admission.find(kServer), newcomer), nullptr);
  Peer& one = stranger(1);
  Rpc& oldest = answered(one, 100, 10);
  answered(stranger(2), 200, 10);
  EXPECT_EQ(strangers.displaced_by(kStart, *state.admission.find(kServer), newcomer), &oldest);
  lifetimes.end(kStart, oldest);
  state.peers.prove(*served(*state.peers.at(host(2)), 200)->peer);
  EXPECT_EQ(strangers.displaced_by(kStart, *state.admission.find(kServer), newcomer), nullptr)
      << "there is no stranger's any more";

  Peer& busy = proved(3);
  for (std::uint64_t id = 300; id < 306; id += 2) answered(busy, id, 10);
  sent();
  EXPECT_EQ(strangers.displaced_by(kStart, *state.admission.find(kServer), newcomer), nullptr)
      << "its client was not asked for acks";
  served(busy, 302)->silence.asked = 1;
  EXPECT_EQ(strangers.displaced_by(kStart, *state.admission.find(kServer), newcomer),
            served(busy, 302));
}

TEST_F(StrangersTest, ARangeThatIsAskedForAgainCostsCreditInWholePackets) {
  Peer& peer = stranger(1);
  Rpc& rpc = answered(peer, 100, 300);
  ASSERT_EQ(rpc.out.granted(), 300U);
  sent();
  const ByteRange again = strangers.may_send_again(rpc, {0, 300});
  EXPECT_EQ(again.size(), 0U) << "what is left of the credit is less than a packet";
  peer.credit.received(1'000);
  EXPECT_EQ(strangers.may_send_again(rpc, {0, 300}).size(), 300U);
}

TEST_F(StrangersTest, AQuestionIsNotRepeatedAtOnce) {
  Peer& peer = stranger(1);
  peer.credit.received(1'000);
  wire::CommonHeader about;
  strangers.challenge(kStart, peer, about);
  strangers.challenge(kStart, peer, about);
  EXPECT_EQ(count(sent(), PacketType::kChallenge), 1U);
  strangers.challenge(kStart + state.config.tick * state.config.resend_interval, peer, about);
  EXPECT_EQ(count(sent(), PacketType::kChallenge), 1U);
  state.peers.prove(peer);
  strangers.challenge(kStart + std::chrono::seconds(1), peer, about);
  EXPECT_EQ(count(sent(), PacketType::kChallenge), 0U);
}

}  // namespace
}  // namespace homa::core
