#include "core/executed.h"

#include <gtest/gtest.h>

namespace homa::core {
namespace {

using State = Rpc::State;

TEST(Executed, AServerTellsByHowFarItGot) {
  Rpc rpc;
  rpc.state = State::kReceiving;
  EXPECT_EQ(executed_at_server(rpc), Executed::kNo);
  rpc.state = State::kServing;
  EXPECT_EQ(executed_at_server(rpc), Executed::kPerhaps);
  rpc.state = State::kReplying;
  EXPECT_EQ(executed_at_server(rpc), Executed::kYes);
}

TEST(Executed, WhatIsRefusedOnArrivalIsNotExecutedUnlessItMayHaveBeenBefore) {
  EXPECT_EQ(executed_if_refused(ErrorCode::kOverloaded), Executed::kNo);
  EXPECT_EQ(executed_if_refused(ErrorCode::kNoSuchSocket), Executed::kNo);
  EXPECT_EQ(executed_if_refused(ErrorCode::kStale), Executed::kPerhaps);
}

TEST(Executed, ARequestThatDidNotLeaveWholeWasNotExecuted) {
  Rpc rpc;
  rpc.state = State::kCalling;
  rpc.out.start(100, 100, TransmitToken{}, 1, 1000);
  EXPECT_EQ(executed_at_client(rpc, ErrorCode::kPeerSilent), Executed::kNo);
}

TEST(Executed, AResponseThatBeganShowsThatItWas) {
  Rpc rpc;
  rpc.state = State::kReceiving;
  EXPECT_EQ(executed_at_client(rpc, ErrorCode::kPeerSilent), Executed::kYes);
  rpc.state = State::kCalling;
  EXPECT_EQ(executed_at_client(rpc, ErrorCode::kTooLong), Executed::kYes);
  rpc.peer_says = Executed::kNo;  // it was the request that was too long
  EXPECT_EQ(executed_at_client(rpc, ErrorCode::kTooLong), Executed::kNo);
}

}  // namespace
}  // namespace homa::core
