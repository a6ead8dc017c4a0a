// The two ends of a channel together, and one end against garbage.
#include <gtest/gtest.h>
#include <poll.h>

#include <array>
#include <thread>

#include "base/descriptor.h"
#include "channel/application_end.h"
#include "channel/engine_end.h"
#include "channel/wake.h"

namespace homa::channel {
namespace {

bool readable(int fd) {
  pollfd polled{fd, POLLIN, 0};
  return ::poll(&polled, 1, 0) == 1;
}

class Channel : public ::testing::Test {
 protected:
  static std::shared_ptr<Region> make_region() {
    ChannelConfig config;
    config.submission_entries = 4;
    config.completion_entries = 4;
    config.transmit_bytes = 1 << 20;
    return Region::create(config).value();
  }
  static Completion completion(std::uint64_t handle) {
    Completion result;
    result.kind = CompletionKind::kRequest;
    result.handle = handle;
    return result;
  }

  Bell bell() { return {state_, doorbell_, 0, wake_fd_}; }
  void fall_asleep(bool release_wanted) {
    state_->release_wanted = release_wanted ? 1 : 0;
    state_->sleep |= 1;
  }
  void wake_up() { state_->sleep += state_->sleep & 1; }
  bool woken() { return readable(wake_fd_) && clear_descriptor(wake_fd_); }

  std::shared_ptr<EngineState> state_ = std::make_shared<EngineState>();
  std::shared_ptr<Doorbell> doorbell_ = std::make_shared<Doorbell>();
  std::shared_ptr<Region> region_ = make_region();
  base::Descriptor wake_ = base::Descriptor(create_descriptor().value());
  int wake_fd_ = wake_.get();
  ApplicationEnd application_{region_, bell()};
  EngineEnd engine_{region_};
};

TEST_F(Channel, CompletionsThatFindNoRoomWaitInOrder) {
  for (std::uint64_t i = 1; i <= 10; ++i) engine_.complete(completion(i), true);
  engine_.publish();
  Completion got;
  std::uint64_t expected = 1;
  while (expected <= 10) {
    ASSERT_TRUE(application_.next(&got)) << expected;
    EXPECT_EQ(got.handle, expected++);
    application_.done_reading();
    if (expected % 4 == 1) engine_.publish();
  }
  EXPECT_FALSE(application_.next(&got));
}

// Of a program that reads nothing, its engine keeps a bounded number, over how many channels ever.
TEST_F(Channel, WhoOwesManyCompletionsSubmitsNothingWhereItOwesSome) {
  std::size_t held = 0;
  const auto region = make_region(), other_region = make_region();
  ApplicationEnd application(region, bell()), other_application(other_region, bell());
  EngineEnd reads_nothing(region, &held);
  EngineEnd other(other_region, &held);
  for (ApplicationEnd* const end : {&application, &other_application}) {
    ASSERT_TRUE(end->submit({}));
    end->publish();
  }
  const auto unread = [&](EngineEnd& engine) { engine.complete(completion(2), true); };
  for (int i = 0; i < 10; ++i) unread(reads_nothing);
  EXPECT_TRUE(reads_nothing.has_submissions());
  for (int i = 0; i < 20'000; ++i) unread(reads_nothing);
  Submission submission;
  EXPECT_FALSE(reads_nothing.has_submissions());
  EXPECT_FALSE(reads_nothing.next(&submission));
  EXPECT_TRUE(other.next(&submission)) << "this one owes nothing";
  for (int i = 0; i < 10; ++i) unread(other);
  ASSERT_TRUE(other_application.submit({}));
  other_application.publish();
  EXPECT_FALSE(other.next(&submission));
  Completion got;
  for (int i = 0; i < 10; ++i) {
    other.publish();
    ASSERT_TRUE(other_application.next(&got)) << i;
    other_application.done_reading();
  }
  EXPECT_TRUE(other.next(&submission)) << "once it has read them it goes on";
  reads_nothing.publish();
  EXPECT_GT(held, 19'000U);
}

// The thread that was woken when they were completed may have looked and gone to sleep again.
TEST_F(Channel, MessagesThatFoundNoRoomWakeTheSleeperWhenTheyAreSeen) {
  application_.set_sleeper(1);
  for (std::uint64_t i = 1; i <= 5; ++i) engine_.complete(completion(i), true);
  engine_.publish();
  EXPECT_EQ(application_.wake_word(0).exchange(0), 1U);
  Completion got;
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(application_.next(&got));
  application_.done_reading();
  ASSERT_FALSE(application_.next(&got)) << "the fifth is held";
  engine_.publish();
  EXPECT_EQ(application_.wake_word(0), 1U);
  EXPECT_TRUE(application_.next(&got));
}

TEST_F(Channel, ASleepingEngineIsWokenOnceByWhatItWaitsFor) {
  Submission submission;
  submission.kind = SubmissionKind::kRelease;
  fall_asleep(false);
  EXPECT_FALSE(engine_.has_submissions());
  ASSERT_TRUE(application_.submit(submission));
  application_.publish(true);
  EXPECT_FALSE(woken()) << "memory is not short";
  EXPECT_NE(doorbell_->rung, 0U) << "but it will look";
  ASSERT_TRUE(application_.submit(submission));
  application_.publish();
  EXPECT_TRUE(woken());
  ASSERT_TRUE(application_.submit(submission));
  application_.publish();
  EXPECT_FALSE(woken()) << "it was woken already";
  wake_up();

  fall_asleep(true);
  ASSERT_TRUE(application_.submit(submission));
  application_.publish(true);
  EXPECT_TRUE(woken()) << "it waits for memory";
}

TEST_F(Channel, AnEngineThatIsAwakeIsNotWokenButWillLook) {
  fall_asleep(false);
  wake_up();
  ASSERT_TRUE(application_.submit({}));
  application_.publish();
  EXPECT_FALSE(woken());
  EXPECT_NE(doorbell_->rung.exchange(0), 0U);
  doorbell_->words[0] = 0;
  ASSERT_TRUE(application_.submit({}));
  application_.publish_to_awake();
  EXPECT_NE(doorbell_->rung, 0U);
}

TEST_F(Channel, PublishingNothingDisturbsNobody) {
  fall_asleep(true);
  application_.publish();
  EXPECT_FALSE(woken());
  EXPECT_EQ(doorbell_->rung, 0U);
}

TEST_F(Channel, ReadingWakesAnEngineThatHoldsCompletions) {
  for (std::uint64_t i = 1; i <= 5; ++i) engine_.complete(completion(i), true);
  engine_.publish();
  EXPECT_TRUE(engine_.holds_completions());
  fall_asleep(false);
  Completion got;
  ASSERT_TRUE(application_.next(&got));
  application_.done_reading();
  EXPECT_TRUE(woken());
  engine_.publish();
  EXPECT_FALSE(engine_.holds_completions());
}

TEST_F(Channel, OnlyMessagesWakeTheNamedSleeperAndTheDescriptor) {
  application_.set_sleeper(3);
  const int descriptor = application_.open_descriptor().value();
  application_.arm_descriptor();
  engine_.complete(completion(1), false);
  engine_.publish();
  EXPECT_EQ(application_.wake_word(2).load(), 0U);
  EXPECT_FALSE(readable(descriptor));
  engine_.complete(completion(2), true);
  engine_.publish();
  EXPECT_EQ(application_.wake_word(2).load(), 1U);
  EXPECT_TRUE(readable(descriptor));
  EXPECT_FALSE(application_.descriptor_armed());
}

TEST_F(Channel, ASleeperIsWokenAcrossThreads) {
  std::thread sleeper([&] {
    WakeWord& word = application_.wake_word(0);
    application_.set_sleeper(1);
    while (word.load() == 0) sleep_on(word, std::nullopt);
  });
  while (region_->header().sleeper.load() == 0) std::this_thread::yield();
  engine_.complete(completion(1), true);
  engine_.publish();
  sleeper.join();
  Completion got;
  EXPECT_TRUE(application_.next(&got));
}

TEST_F(Channel, SleepingEndsAtItsDeadline) {
  WakeWord word{0};
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(5);
  while (std::chrono::steady_clock::now() < deadline) sleep_on(word, deadline);
  EXPECT_EQ(word.load(), 0U);
}

TEST_F(Channel, TransmitMemoryIsGivenOutAndTakenBack) {
  const auto block = application_.allocate(1000);
  ASSERT_TRUE(block);
  EXPECT_EQ(application_.memory(*block, 1000).size(), 1000U);
  ASSERT_TRUE(engine_.transmit(*block, 1000));
  EXPECT_FALSE(application_.allocate(2 << 20));
  EXPECT_FALSE(application_.free(*block + 256));
  EXPECT_FALSE(application_.free(~std::uint64_t{0}));
  EXPECT_TRUE(application_.free(*block));
  EXPECT_EQ(application_.transmit_bytes_used(), 0U);
}

TEST_F(Channel, SlicesOutsideTransmitMemoryAreRefused) {
  constexpr std::uint64_t kSize = 1 << 20;
  EXPECT_TRUE(engine_.transmit(kSize - 1, 1));
  EXPECT_FALSE(engine_.transmit(kSize, 1));
  EXPECT_FALSE(engine_.transmit(kSize - 1, 2));
  EXPECT_FALSE(engine_.transmit(~std::uint64_t{0}, 2));
  EXPECT_FALSE(engine_.transmit(1, ~std::uint64_t{0}));
}

TEST_F(Channel, GarbageInTheHeaderHurtsNobody) {
  Header& header = region_->header();
  header.sleeper = 0xffffffff;
  header.layout.transmit = ~std::uint64_t{0};
  header.layout.transmit_bytes = ~std::uint64_t{0};
  engine_.complete(completion(1), true);
  engine_.publish();
  EXPECT_FALSE(engine_.transmit(1 << 20, 1));
  EXPECT_FALSE(engine_.broken());
  header.submission_tail = 77;
  EXPECT_FALSE(engine_.has_submissions());
  EXPECT_TRUE(engine_.broken());
}

TEST_F(Channel, TheApplicationSeesThatItsEngineBrokeTheRings) {
  EXPECT_FALSE(application_.broken());
  region_->header().completion_tail = 1'000;
  EXPECT_FALSE(application_.has_completions());
  EXPECT_TRUE(application_.broken());
}

TEST_F(Channel, TheApplicationSeesThatItsEngineIsGone) {
  auto region = make_region();
  ApplicationEnd application(region, bell());
  {
    const EngineEnd engine(region);
    EXPECT_FALSE(application.engine_gone());
  }
  EXPECT_TRUE(application.engine_gone());
}

TEST_F(Channel, TheEngineSeesThatItsApplicationIsGone) {
  auto region = make_region();
  EngineEnd engine(region);
  {
    const ApplicationEnd application(region, bell());
    EXPECT_FALSE(engine.application_gone());
    fall_asleep(false);
  }
  EXPECT_TRUE(engine.application_gone());
  EXPECT_TRUE(woken());
}

}  // namespace
}  // namespace homa::channel
