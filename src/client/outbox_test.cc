#include "client/outbox.h"

#include <gtest/gtest.h>

#include "channel/engine_end.h"
#include "client/fake_link.h"

namespace homa::client {
namespace {

using channel::Submission;
using channel::SubmissionKind;

class OutboxTest : public ::testing::Test {
 protected:
  static channel::ChannelConfig small() {
    channel::ChannelConfig config;
    config.submission_entries = 4;
    config.transmit_bytes = 1 << 20;
    return config;
  }
  std::vector<Submission> taken() {
    std::vector<Submission> all;
    application_.publish();
    for (Submission one; engine_.next(&one);) all.push_back(one);
    engine_.publish();
    return all;
  }

  std::optional<std::uint64_t> copy_in(Outbox::Lock& lock, std::span<const std::byte> bytes) {
    Gather message(bytes);
    return outbox_.copy_in(lock, message);
  }

  std::shared_ptr<channel::Region> region_ = channel::Region::create(small()).value();
  channel::EngineEnd engine_{region_};
  channel::ApplicationEnd application_{region_, quiet_bell()};
  Outbox outbox_{application_};
  channel::Mutex mutex_;
};

TEST_F(OutboxTest, AnEntryHoldsNothingOfTheOneBefore) {
  outbox_.try_place(SubmissionKind::kSend, 2)->length = 77;
  for (int i = 0; i < 3; ++i) ASSERT_NE(outbox_.try_place(SubmissionKind::kSend, 4), nullptr);
  EXPECT_EQ(outbox_.try_place(SubmissionKind::kSend, 6), nullptr) << "the ring has four";
  EXPECT_EQ(taken().size(), 4U);
  ASSERT_NE(outbox_.try_place(SubmissionKind::kAbort, 8), nullptr);
  const auto next = taken();
  ASSERT_EQ(next.size(), 1U);
  EXPECT_EQ(next[0].length, 0U);
  EXPECT_EQ(next[0].handle, 8U);
}

TEST_F(OutboxTest, BuffersThatFindNoRoomAreReleasedLater) {
  for (std::uint64_t buffer = 0; buffer < 6; ++buffer) outbox_.release(buffer * 256);
  EXPECT_TRUE(outbox_.owes_releases());
  EXPECT_EQ(taken().size(), 4U);
  outbox_.retry_releases();
  EXPECT_FALSE(outbox_.owes_releases());
  const auto rest = taken();
  ASSERT_EQ(rest.size(), 2U);
  EXPECT_EQ(rest[0].memory, 4U * 256);
  EXPECT_EQ(rest[1].memory, 5U * 256);
}

TEST_F(OutboxTest, HoldsBackMessagesThatFollowEachOtherSoon) {
  Time now{Duration(1'000'000)};
  EXPECT_FALSE(outbox_.hold_back(now)) << "nothing is known of the next one";
  for (std::uint32_t i = 1; i < Outbox::kBatchMax; ++i) {
    EXPECT_TRUE(outbox_.hold_back(now += Outbox::kSoon));
  }
  EXPECT_TRUE(outbox_.holds_back());
  EXPECT_FALSE(outbox_.hold_back(now += Outbox::kSoon)) << "this one takes them all along";
  outbox_.handed_over();
  EXPECT_FALSE(outbox_.holds_back());
}

TEST_F(OutboxTest, TheFirstMessageAfterAWaitMayWaitForTheNext) {
  Time now{Duration(1'000'000)};
  EXPECT_FALSE(outbox_.hold_back(now));
  outbox_.waited(now += 100 * Outbox::kSoon);
  EXPECT_TRUE(outbox_.hold_back(now += Outbox::kSoon));
}

TEST_F(OutboxTest, AMessageThatTookLongDoesNotWait) {
  Time now{Duration(1'000'000)};
  EXPECT_FALSE(outbox_.hold_back(now));
  EXPECT_TRUE(outbox_.hold_back(now += Outbox::kSoon));
  EXPECT_FALSE(outbox_.hold_back(now += Outbox::kSoon + Duration(1)));
}

TEST_F(OutboxTest, CopiesTheBeginningAndThenTheRest) {
  std::vector<std::byte> bytes(Outbox::kCopyAtOnce * 2 + 100);
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(i * 7 + i / 256);
  Outbox::Lock lock(mutex_);
  Gather message{std::span<const std::byte>(bytes)};
  const auto memory = outbox_.copy_in(lock, message);
  ASSERT_TRUE(memory);
  EXPECT_TRUE(lock.owns_lock());
  const auto there = application_.memory(*memory, static_cast<std::uint32_t>(bytes.size()));
  const auto equal = [&](std::size_t first) {
    return std::equal(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(first),
                      there.begin());
  };
  EXPECT_TRUE(equal(Outbox::kCopyAtOnce));
  const Outbox::Supply supply{*memory};
  EXPECT_EQ(message.copied(), Outbox::kCopyAtOnce);
  outbox_.copy_next(supply, message);
  EXPECT_EQ(message.copied(), 2 * Outbox::kCopyAtOnce);
  outbox_.copy_next(supply, message);
  EXPECT_EQ(message.copied(), bytes.size());
  EXPECT_TRUE(equal(bytes.size()));
}

TEST_F(OutboxTest, TransmitMemoryIsExhaustedAndComesBack) {
  Outbox::Lock lock(mutex_);
  const std::vector<std::byte> half(1 << 19);
  const auto first = copy_in(lock, half);
  ASSERT_TRUE(first && copy_in(lock, half));
  EXPECT_FALSE(copy_in(lock, half));
  EXPECT_TRUE(outbox_.transmit_done(*first));
  EXPECT_TRUE(copy_in(lock, half));
}

// The engine gives a block back whose message is still being copied: its RPC ended.
TEST_F(OutboxTest, ABlockThatIsBeingCopiedIntoIsFreedByWhoCopies) {
  Outbox::Lock lock(mutex_);
  const std::vector<std::byte> all(1 << 20);
  Outbox::Supply supply{*copy_in(lock, all)};
  outbox_.begin_supply(supply);
  EXPECT_TRUE(outbox_.transmit_done(supply.memory));
  EXPECT_TRUE(supply.returned);
  EXPECT_FALSE(copy_in(lock, all)) << "it is still in use";
  outbox_.end_supply(supply);
  EXPECT_TRUE(outbox_.free(supply.memory));
  EXPECT_TRUE(copy_in(lock, all));
}

TEST_F(OutboxTest, RefusesBlocksThatItDoesNotHave) {
  Outbox::Lock lock(mutex_);
  const std::vector<std::byte> bytes(100);
  const auto memory = copy_in(lock, bytes);
  for (const std::uint64_t wrong : {*memory + 1, *memory + 256, ~std::uint64_t{0},
                                    std::uint64_t{1} << 20, ~std::uint64_t{255}}) {
    EXPECT_FALSE(outbox_.transmit_done(wrong)) << wrong;
  }
  EXPECT_TRUE(outbox_.transmit_done(*memory));
  EXPECT_FALSE(outbox_.transmit_done(*memory)) << "twice";
}

}  // namespace
}  // namespace homa::client
