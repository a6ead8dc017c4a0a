#include "core/event_queue.h"

#include <gtest/gtest.h>

namespace homa::core {
namespace {

struct EventQueueTest : testing::Test {
  EventQueueTest() {
    port.account = &account;
    peer.address = Address::v4(10, 0, 0, 2);
    rpc.port = &port;
    rpc.peer = &peer;
    rpc.id = RpcId{6};
    rpc.is_client = true;
    rpc.cookie = Cookie{9};
    rpc.in.start(1'000);
    rpc.buffer.offset = BufferOffset{4'096};
    rpc.out.start(500, 500, TransmitToken{3}, 1, 1'424);
  }

  MemoryPressure pressure{QuotaShare::kUnlimited};
  Account account{AccountId{5}, {}, 1'000, pressure};
  LocalPort port;
  Peer peer;
  Rpc rpc;
  EventQueue events;
};

TEST_F(EventQueueTest, AMessageSaysWhereItsBytesAre) {
  events.message(rpc);
  const auto event = events.next();
  ASSERT_TRUE(event);
  EXPECT_EQ(event->kind, Event::Kind::kResponse);
  EXPECT_EQ(event->account, AccountId{5});
  EXPECT_EQ(event->buffer, BufferOffset{4'096});
  EXPECT_EQ(event->length, 1'000U);
  EXPECT_EQ(event->cookie, Cookie{9});
  EXPECT_EQ(event->peer, peer.address);
  EXPECT_FALSE(events.next());
}

TEST_F(EventQueueTest, EventsKeepTheirOrderAndCarryNothingOfEarlierOnes) {
  rpc.is_client = false;
  events.message(rpc);
  events.failed(rpc, ErrorCode::kPeerSilent);
  events.transmit_done(rpc);
  EXPECT_EQ(events.next()->kind, Event::Kind::kRequest);
  const auto failed = events.next();
  EXPECT_EQ(failed->error, ErrorCode::kPeerSilent);
  EXPECT_EQ(failed->length, 0U);
  EXPECT_EQ(failed->buffer, BufferOffset{});
  const auto done = events.next();
  EXPECT_EQ(done->kind, Event::Kind::kTransmitDone);
  EXPECT_EQ(done->error, ErrorCode::kOk);
  EXPECT_EQ(done->transmit_token, TransmitToken{3});
}

}  // namespace
}  // namespace homa::core
