#include "core/message_out.h"

#include <gtest/gtest.h>

#include <set>

namespace homa::core {
namespace {

MessageOut started(std::uint32_t length, std::uint32_t unscheduled) {
  MessageOut out;
  out.start(length, unscheduled, TransmitToken{1}, 1, 1424);
  return out;
}

void send_all(MessageOut& out) {
  while (out.sendable()) out.note_sent(out.next_packet(), Time{});
}

TEST(MessageOut, ForcesAPacketBoundaryAtTheEndOfTheUnscheduledBytes) {
  MessageOut out = started(100'000, 40'000);
  int packets = 0;
  ByteRange last;
  while (out.sendable()) {
    last = out.next_packet();
    out.note_sent(last, Time{});
    ++packets;
  }
  EXPECT_EQ(packets, 29);
  EXPECT_EQ(last.size(), 128U);
  EXPECT_EQ(out.sent(), 40'000U);
}

TEST(MessageOut, FinishesThePacketInWhichTheGrantEnds) {
  MessageOut out = started(100'000, 1424);
  send_all(out);
  EXPECT_TRUE(out.grant(1425));
  ASSERT_TRUE(out.sendable());
  EXPECT_EQ(out.next_packet().end, 2848U);
  send_all(out);
  EXPECT_FALSE(out.sendable());
  EXPECT_FALSE(out.grant(2000)) << "already sent";
  EXPECT_TRUE(out.grant(0xffffffff));
  EXPECT_EQ(out.granted(), 100'000U);
}

TEST(MessageOut, SendsWholePacketsOfWhatIsThere) {
  MessageOut out = started(10'000, 5'000);
  out.hold_back(10'000 - 3'000);
  send_all(out);
  EXPECT_EQ(out.sent(), 2'848U) << "of the third packet a part is there";
  EXPECT_FALSE(out.supply(3'000)) << "nothing new";
  EXPECT_FALSE(out.resend({2'848, 5'000}, 3)) << "it was not sent yet";
  EXPECT_TRUE(out.supply(6'000));
  send_all(out);
  EXPECT_EQ(out.sent(), 5'000U) << "no more than granted";
  EXPECT_TRUE(out.grant(10'000));
  send_all(out);
  EXPECT_EQ(out.sent(), 5'000U) << "no packet is whole";
  EXPECT_FALSE(out.supplied());
  EXPECT_TRUE(out.supply(20'000));
  EXPECT_TRUE(out.supplied());
  send_all(out);
  EXPECT_TRUE(out.all_sent());
}

TEST(MessageOut, ACutMessageSendsAgainWhatIsAskedForInParts) {
  MessageOut out = started(60'000, 40'000);
  send_all(out);
  out.resize(1'000);
  ASSERT_TRUE(out.resend({2'848, 5'696}, 7));  // two packets of 1,424 bytes that did not fit
  std::uint32_t at = 2'848;
  for (const std::uint32_t length : {1'000U, 424U, 1'000U, 424U}) {
    ASSERT_TRUE(out.must_resend());
    EXPECT_EQ(out.next_resend().bytes.begin, at);
    EXPECT_EQ(out.next_resend().bytes.size(), length);
    out.note_resent(out.next_resend().bytes);
    at += length;
  }
  EXPECT_FALSE(out.must_resend());
  out.grant(60'000);
  EXPECT_EQ(out.next_packet().begin, 40'000U);
  EXPECT_EQ(out.next_packet().size(), 1'000U);
  send_all(out);
  ASSERT_TRUE(out.resend({59'000, 60'000}, 7));
  EXPECT_EQ(out.next_resend().bytes.end, 60'000U);
}

// A RESEND may ask for what was cut together with what goes again already.
TEST(MessageOut, NothingSentAgainCrossesABoundaryOfPacketsSentBefore) {
  MessageOut out = started(60'000, 40'000);
  std::set<std::uint32_t> boundaries;
  const auto send_new = [&] {
    while (out.sendable() && boundaries.size() < 50) {
      boundaries.insert(out.next_packet().begin);
      out.note_sent(out.next_packet(), Time{});
    }
  };
  const auto send_again = [&](ByteRange range, std::uint32_t longest) {
    ASSERT_TRUE(out.resend(range, 7));
    std::uint32_t at = out.next_resend().bytes.begin;
    EXPECT_LE(at, range.begin);
    while (out.must_resend()) {
      const ByteRange bytes = out.next_resend().bytes;
      EXPECT_EQ(bytes.begin, at);
      EXPECT_LE(bytes.size(), longest);
      const auto next = boundaries.upper_bound(bytes.begin);
      if (next != boundaries.end()) {
        EXPECT_LE(bytes.end, *next);
      }
      boundaries.insert(bytes.begin);
      out.note_resent(bytes);
      at = bytes.end;
    }
    EXPECT_GE(at, range.end);
  };
  for (int i = 0; i < 10; ++i) out.note_sent(out.next_packet(), Time{});
  for (std::uint32_t at = 0; at <= out.sent(); at += 1'424) boundaries.insert(at);
  for (const std::uint32_t payload : {1'172U, 700U, 468U}) {
    out.resize(payload);
    send_again({0, out.sent()}, payload);
    send_again({3'000, 9'000}, payload);
    for (int i = 0; i < 3; ++i) {
      boundaries.insert(out.next_packet().begin);
      out.note_sent(out.next_packet(), Time{});
    }
    boundaries.insert(out.sent());
  }
  out.resize(100);  // one cut too many: the oldest boundaries are lost, and nothing else
  send_new();
  ASSERT_TRUE(out.resend({0, out.sent()}, 7));
  std::uint32_t at = 0;
  while (out.must_resend()) {
    EXPECT_EQ(out.next_resend().bytes.begin, at);
    at = out.next_resend().bytes.end;
    out.note_resent(out.next_resend().bytes);
  }
  EXPECT_EQ(at, out.sent());
}

TEST(MessageOut, GrowsBeforeItsFirstPacketOnlyIfTheBytesAreThere) {
  MessageOut out = started(60'000, 40'000);
  out.hold_back(60'000 - 3'000);
  out.resize(8'000);
  EXPECT_EQ(out.next_packet().size(), 1'424U);
  out.resize(2'900);
  EXPECT_EQ(out.next_packet().size(), 2'900U);
  out.resize(1'000);
  EXPECT_EQ(out.next_packet().size(), 1'000U);
  EXPECT_TRUE(out.sendable());
}

TEST(MessageOut, SendsAgainOnTheOriginalBoundaries) {
  MessageOut out = started(60'000, 40'000);
  out.grant(60'000);
  send_all(out);
  ASSERT_TRUE(out.resend({5'700, 5'701}, 7));
  EXPECT_EQ(out.next_resend().bytes.begin, 5'696U);
  EXPECT_EQ(out.next_resend().bytes.end, 7'120U);
  out.note_resent(out.next_resend().bytes);
  EXPECT_FALSE(out.must_resend());
  ASSERT_TRUE(out.resend({39'990, 40'010}, 7));  // across the forced boundary
  EXPECT_EQ(out.next_resend().bytes.begin, 39'872U);
  EXPECT_EQ(out.next_resend().bytes.end, 40'000U);
  out.note_resent(out.next_resend().bytes);
  EXPECT_EQ(out.next_resend().bytes.begin, 40'000U);
  EXPECT_EQ(out.next_resend().bytes.end, 41'424U);
}

TEST(MessageOut, NeverSendsAgainWhatItDidNotSend) {
  MessageOut out = started(60'000, 40'000);
  out.note_sent(out.next_packet(), Time{});
  EXPECT_FALSE(out.resend({1424, 2000}, 7));
  EXPECT_TRUE(out.resend({0, 60'000}, 7));
  EXPECT_EQ(out.next_resend().bytes.end, 1424U);
}

TEST(MessageOut, RequestsToSendAgainMergeAndStayBounded) {
  MessageOut out = started(1'000'000, 1'000'000);
  send_all(out);
  for (std::uint32_t at = 0; at < 1'000'000; at += 3000) out.resend({at, at + 1}, 7);
  int packets = 0;
  while (out.must_resend()) {
    out.note_resent(out.next_resend().bytes);
    ASSERT_LE(++packets, 2000);
  }
  EXPECT_GE(packets, 334);
}

}  // namespace
}  // namespace homa::core
