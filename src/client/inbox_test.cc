#include "client/inbox.h"

#include <gtest/gtest.h>

namespace homa::client {
namespace {

using channel::Completion;
using channel::CompletionKind;

Completion answer(RpcHandle rpc, std::uint64_t memory = 0) {
  Completion completion;
  completion.kind = CompletionKind::kResponse;
  completion.handle = rpc;
  completion.memory = memory;
  return completion;
}

Completion request(RpcHandle rpc) {
  Completion completion = answer(rpc);
  completion.kind = CompletionKind::kRequest;
  return completion;
}

TEST(Inbox, HandlesAreEvenNeverZeroAndNeverReused) {
  Inbox inbox(4);
  RpcHandle last = 0;
  for (int i = 0; i < 10; ++i) {
    const auto rpc = inbox.start(0, false);
    ASSERT_TRUE(rpc);
    EXPECT_EQ(*rpc % 2, 0U);
    EXPECT_GT(*rpc, last);
    last = *rpc;
    EXPECT_FALSE(inbox.forget(*rpc));
    EXPECT_FALSE(inbox.knows(*rpc));
  }
}

TEST(Inbox, LimitsRpcsInProgress) {
  Inbox inbox(2);
  const RpcHandle first = inbox.start(0, false).value();
  ASSERT_TRUE(inbox.start(0, true));
  EXPECT_FALSE(inbox.start(0, false));
  ASSERT_TRUE(inbox.add_answer(answer(first)));
  EXPECT_FALSE(inbox.start(0, false)) << "its answer was not received yet";
  ASSERT_TRUE(inbox.take_any());
  EXPECT_TRUE(inbox.start(0, false));
}

TEST(Inbox, GivesMessagesInOrderOfArrival) {
  Inbox inbox(8);
  const RpcHandle rpc = inbox.start(5, false).value();
  inbox.add_request(request(11));
  ASSERT_TRUE(inbox.add_answer(answer(rpc)));
  inbox.add_request(request(13));
  EXPECT_EQ(inbox.ready(), 3U);
  EXPECT_EQ(inbox.take_any()->completion.handle, 11U);
  const auto second = inbox.take_any();
  EXPECT_EQ(second->completion.handle, rpc);
  EXPECT_EQ(second->cookie, 5U);
  EXPECT_EQ(inbox.take_any()->completion.handle, 13U);
  EXPECT_FALSE(inbox.take_any());
}

TEST(Inbox, APrivateAnswerIsForTakeAnswerOnly) {
  Inbox inbox(8);
  const RpcHandle rpc = inbox.start(0, true).value();
  EXPECT_TRUE(inbox.is_waiting(rpc));
  EXPECT_FALSE(inbox.take_answer(rpc));
  ASSERT_TRUE(inbox.add_answer(answer(rpc)));
  EXPECT_FALSE(inbox.is_waiting(rpc));
  EXPECT_EQ(inbox.ready(), 0U);
  EXPECT_FALSE(inbox.take_any());
  EXPECT_TRUE(inbox.take_answer(rpc));
  EXPECT_FALSE(inbox.take_answer(rpc));
}

TEST(Inbox, AnAnswerTakenByIdIsNotTakenAgain) {
  Inbox inbox(8);
  const RpcHandle first = inbox.start(0, false).value();
  const RpcHandle second = inbox.start(0, false).value();
  ASSERT_TRUE(inbox.add_answer(answer(first)));
  ASSERT_TRUE(inbox.add_answer(answer(second)));
  EXPECT_TRUE(inbox.take_answer(first));
  EXPECT_EQ(inbox.take_any()->completion.handle, second);
  EXPECT_FALSE(inbox.take_any());
}

TEST(Inbox, RefusesAnswersThatNobodyWaitsFor) {
  Inbox inbox(8);
  const RpcHandle rpc = inbox.start(0, false).value();
  EXPECT_FALSE(inbox.add_answer(answer(rpc + 2)));
  EXPECT_FALSE(inbox.add_answer(answer(0)));
  ASSERT_TRUE(inbox.add_answer(answer(rpc, 256)));
  EXPECT_FALSE(inbox.add_answer(answer(rpc, 512)));
  const auto unread = inbox.forget(rpc);
  ASSERT_TRUE(unread);
  EXPECT_EQ(unread->memory, 256U);
  EXPECT_EQ(inbox.ready(), 0U);
}

TEST(Inbox, ARequestIsFinishedOnce) {
  Inbox inbox(8);
  inbox.add_request(request(11));
  EXPECT_TRUE(inbox.serves(11));
  EXPECT_TRUE(inbox.finish_served(11));
  EXPECT_FALSE(inbox.finish_served(11));
  inbox.add_request(request(13));
  inbox.served_ended(13);
  EXPECT_FALSE(inbox.finish_served(13));
}

TEST(Inbox, ClearingShowsEveryMessageThatHoldsMemory) {
  Inbox inbox(8);
  const RpcHandle open = inbox.start(0, false).value();
  const RpcHandle hidden = inbox.start(0, true).value();
  ASSERT_TRUE(inbox.start(0, false));
  inbox.add_request(request(11));
  ASSERT_TRUE(inbox.add_answer(answer(open)));
  ASSERT_TRUE(inbox.add_answer(answer(hidden)));
  int dropped = 0;
  inbox.clear([&](const Completion&) { ++dropped; });
  EXPECT_EQ(dropped, 3);
  EXPECT_TRUE(inbox.in_progress().empty());
  EXPECT_FALSE(inbox.serves(11));
}

// Nobody reads it, and its client gave up: what came goes back, and nobody sees it any more.
TEST(Inbox, AnUnreadRequestWhoseClientGaveUpGoes) {
  Inbox inbox(8);
  Completion unread = request(11);
  unread.memory = 4'096;
  inbox.add_request(unread);
  inbox.add_request(request(13));
  const auto gone = inbox.served_ended(11);
  ASSERT_TRUE(gone);
  EXPECT_EQ(gone->memory, 4'096U);
  EXPECT_EQ(inbox.ready(), 1U);
  EXPECT_EQ(inbox.take_any()->completion.handle, 13U);
  EXPECT_FALSE(inbox.served_ended(11)) << "once";
  EXPECT_FALSE(inbox.served_ended(13)) << "the application has it";
  EXPECT_FALSE(inbox.serves(13));
}

}  // namespace
}  // namespace homa::client
