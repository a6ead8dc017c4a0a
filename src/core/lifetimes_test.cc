#include "core/lifetimes.h"

#include "core/parts_fixture.h"

namespace homa::core {
namespace {

using wire::PacketType;

struct LifetimesTest : PartsTest {
  // The next event that is not kTransmitDone.
  std::optional<Event> event() {
    while (auto next = state.events.next()) {
      if (next->kind != Event::Kind::kTransmitDone) return next;
    }
    return std::nullopt;
  }
};

TEST_F(LifetimesTest, ARequestThatMakesNoSenseIsRefused) {
  Request request{.server = host(1), .server_port = kServer, .client_port = client_port};
  EXPECT_EQ(lifetimes.start(kStart, request).error(), ErrorCode::kInvalidArgument) << "empty";
  request.length = 10;
  EXPECT_TRUE(lifetimes.start(kStart, request));
  request.length = state.config.message_bytes_max + 1;
  EXPECT_EQ(lifetimes.start(kStart, request).error(), ErrorCode::kTooLong);
  request.length = 10;
  request.client_port = Port{50'000};  // not open
  EXPECT_EQ(lifetimes.start(kStart, request).error(), ErrorCode::kInvalidArgument);
  request.client_port = client_port;
  request.server_port = client_port;
  EXPECT_EQ(lifetimes.start(kStart, request).error(), ErrorCode::kInvalidArgument);
}

TEST_F(LifetimesTest, RpcsAreBounded) {
  for (std::uint32_t i = 0; i < state.config.rpcs_max; ++i) call(1, 10);
  EXPECT_EQ(
      lifetimes
          .start(
              kStart,
              {.server = host(1), .server_port = kServer, .client_port = client_port, .length = 10})
          .error(),
      ErrorCode::kNoMemory);
}

TEST_F(LifetimesTest, AFailureIsReportedToWhoWaitsAndFreesTheRecord) {
  const RpcId id = call(1, 10);
  EXPECT_TRUE(lifetimes.awaits_short());
  ASSERT_TRUE(lifetimes.abort(kStart, id, ErrorCode::kCancelled, true));
  const auto failed = event();
  ASSERT_TRUE(failed);
  EXPECT_EQ(failed->kind, Event::Kind::kFailed);
  EXPECT_EQ(failed->rpc, id);
  EXPECT_FALSE(lifetimes.awaits_short());
  EXPECT_EQ(state.rpcs.size(), 0U);
  EXPECT_EQ(count(sent(), PacketType::kError), 1U) << "the server is told";
  EXPECT_EQ(lifetimes.abort(kStart, id, ErrorCode::kCancelled, true).error(),
            ErrorCode::kNoSuchRpc);
}

TEST_F(LifetimesTest, WhatIsAbortedQuietlyTellsNobody) {
  ASSERT_TRUE(lifetimes.abort(kStart, call(1, 10), ErrorCode::kOk, false));
  EXPECT_FALSE(event());
  EXPECT_TRUE(sent().empty());
}

TEST_F(LifetimesTest, ARequestIsAnsweredOnce) {
  Peer& peer = proved(1);
  Rpc& rpc = answered(peer, 100, 10);
  EXPECT_EQ(lifetimes.reply(kStart, rpc.id, 10, {}, 0).error(), ErrorCode::kInvalidArgument);
  lifetimes.acked(kStart, peer, {WireId{100}, kServer});
  EXPECT_EQ(served(peer, 100), nullptr);
  EXPECT_EQ(lifetimes.reply(kStart, RpcId{12345}, 10, {}, 0).error(), ErrorCode::kNoSuchRpc);
}

TEST_F(LifetimesTest, AnAckOfWhatIsNotAnsweredYetIsIgnored) {
  Peer& peer = proved(1);
  request(peer, 100, 100, 100);
  lifetimes.acked(kStart, peer, {WireId{100}, kServer});
  lifetimes.acked(kStart, peer, {WireId{102}, kServer});
  EXPECT_NE(served(peer, 100), nullptr);
}

TEST_F(LifetimesTest, AMessageThatWaitsForMemoryBeginsWhenThereIsSome) {
  Peer& peer = proved(1);
  std::uint64_t id = 100;
  while (request(peer, id, 90'000, 1'000).kind == RxOutcome::Kind::kDeliver) id += 2;
  ASSERT_TRUE(served(peer, id)->buffer.waits());
  lifetimes.end(kStart, *served(peer, 100));
  EXPECT_TRUE(served(peer, id)->buffer.held);
  EXPECT_EQ(count(sent(), PacketType::kResend), 1U) << "what came before was dropped";
}

TEST_F(LifetimesTest, ABufferIsReleasedOnce) {
  Peer& peer = proved(1);
  request(peer, 100, 100, 100);
  const auto arrived = event();
  ASSERT_TRUE(arrived);
  EXPECT_TRUE(lifetimes.release(kStart, kDefaultAccount, arrived->buffer, 100));
  EXPECT_FALSE(lifetimes.release(kStart, kDefaultAccount, arrived->buffer, 100));
  EXPECT_FALSE(lifetimes.release(kStart, AccountId{7}, arrived->buffer, 100));
}

TEST_F(LifetimesTest, AClosedPortEndsItsRpcsAndTellsThePeers) {
  call(1, 10);
  call(2, 10);
  sent();
  lifetimes.close_port(kStart, client_port);
  EXPECT_EQ(state.rpcs.size(), 0U);
  EXPECT_EQ(count(sent(), PacketType::kError), 2U);
  EXPECT_FALSE(event()) << "nobody is there to be told";
  EXPECT_TRUE(lifetimes.open_port(client_port, kDefaultAccount));
}

TEST_F(LifetimesTest, AnAccountEndsWithItsPortsAndIsUnknownThen) {
  const AccountId account = lifetimes.open_account({}).value();
  const Port port = lifetimes.open_port(Port{}, account).value();
  ASSERT_TRUE(lifetimes.start(
      kStart, {.server = host(1), .server_port = kServer, .client_port = port, .length = 10}));
  lifetimes.close_account(kStart, account);
  EXPECT_EQ(state.rpcs.size(), 0U);
  EXPECT_EQ(lifetimes.open_port(Port{}, account).error(), ErrorCode::kInvalidArgument);
  lifetimes.close_account(kStart, kDefaultAccount);
  EXPECT_TRUE(lifetimes.open_port(Port{}, kDefaultAccount)) << "the default one lasts";
}

TEST_F(LifetimesTest, BytesThatAreNotThereYetAreSentWhenTheyAre) {
  const RpcId id = lifetimes
                       .start(kStart, {.server = host(1),
                                       .server_port = kServer,
                                       .client_port = client_port,
                                       .length = 10'000,
                                       .pending = 10'000})
                       .value();
  EXPECT_TRUE(sent().empty());
  EXPECT_TRUE(lifetimes.supply(kStart, id, 10'000));
  EXPECT_FALSE(sent().empty());
  EXPECT_EQ(lifetimes.supply(kStart, RpcId{1}, 1).error(), ErrorCode::kNoSuchRpc);
}

}  // namespace
}  // namespace homa::core
