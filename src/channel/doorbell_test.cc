#include "channel/doorbell.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include <thread>
#include <vector>

#include "channel/wake.h"

namespace homa::channel {
namespace {

class DoorbellTest : public ::testing::Test {
 protected:
  ~DoorbellTest() override { ::close(wake_fd_); }

  Bell bell(std::uint32_t channel) { return {engine_, doorbell_, channel, wake_fd_}; }
  std::vector<std::uint32_t> taken(std::size_t at_most = Doorbell::kChannels) {
    std::vector<std::uint32_t> channels;
    watch_.take(at_most, [&](std::uint32_t channel) { channels.push_back(channel); });
    return channels;
  }
  bool woken() {
    pollfd polled{wake_fd_, POLLIN, 0};
    return ::poll(&polled, 1, 0) == 1 && clear_descriptor(wake_fd_);
  }

  std::shared_ptr<EngineState> engine_ = std::make_shared<EngineState>();
  std::shared_ptr<Doorbell> doorbell_ = std::make_shared<Doorbell>();
  DoorbellWatch watch_{doorbell_};
  int wake_fd_ = create_descriptor().value();
};

TEST_F(DoorbellTest, NamesTheChannelsThatRangAndNoOthers) {
  EXPECT_FALSE(watch_.rung());
  for (const std::uint32_t channel : {0U, 63U, 64U, 4'095U}) bell(channel).ring();
  EXPECT_TRUE(watch_.rung());
  EXPECT_EQ(taken(), (std::vector<std::uint32_t>{0, 63, 64, 4'095}));
  EXPECT_FALSE(watch_.rung());
  EXPECT_TRUE(taken().empty());
}

TEST_F(DoorbellTest, TheOthersWaitWhenOnlySomeAreTaken) {
  for (const std::uint32_t channel : {3U, 4U, 200U}) bell(channel).ring();
  EXPECT_EQ(taken(1), std::vector<std::uint32_t>{3});
  EXPECT_EQ(taken(1), std::vector<std::uint32_t>{4});
  EXPECT_TRUE(watch_.rung());
  EXPECT_EQ(taken(1), std::vector<std::uint32_t>{200});
  EXPECT_TRUE(taken(1).empty());
}

TEST_F(DoorbellTest, AWatchedChannelNeedNotRing) {
  Bell seventh = bell(7);
  seventh.ring();
  EXPECT_EQ(taken().size(), 1U);
  seventh.ring();
  EXPECT_FALSE(watch_.rung());
  watch_.stop(7);
  EXPECT_FALSE(watch_.rung());
  seventh.ring();
  EXPECT_EQ(taken(), std::vector<std::uint32_t>{7});
}

TEST_F(DoorbellTest, OneRingerWakesASleepingEngineOnce) {
  bell(1).ring();
  EXPECT_FALSE(woken()) << "it is awake";
  engine_->sleep = 1;
  bell(2).mark();
  EXPECT_FALSE(woken()) << "a mark can wait";
  bell(2).ring();
  EXPECT_TRUE(woken());
  bell(3).ring();
  EXPECT_FALSE(woken()) << "it was woken already";
  engine_->sleep = 3;
  bell(3).ring();
  EXPECT_TRUE(woken()) << "a later sleep";
}

TEST_F(DoorbellTest, BitsThatNoChannelSetAreHintsOnly) {
  for (auto& word : doorbell_->words) word = ~std::uint64_t{0};
  doorbell_->rung = ~std::uint64_t{0};
  EXPECT_EQ(taken().size(), Doorbell::kChannels);
  doorbell_->rung = ~std::uint64_t{0};
  EXPECT_TRUE(taken().empty()) << "they are watched already";
}

// Publish, then look at the bit; clear the bit, then look for what was published: one of the two
// sees the other.
TEST_F(DoorbellTest, NothingPublishedIsOverlookedWhileTheWatchEnds) {
  constexpr std::uint64_t kCount = 20'000;
  std::atomic<std::uint64_t> published{0}, seen{0};
  std::thread publisher([&] {
    Bell own = bell(5);
    for (std::uint64_t i = 1; i <= kCount; ++i) {
      published.store(i, std::memory_order_seq_cst);
      own.ring();
      while (seen.load() != i) std::this_thread::yield();
    }
  });
  bool watching = false;
  while (seen.load() < kCount) {
    if (watch_.rung()) watch_.take(1, [&](std::uint32_t) { watching = true; });
    if (!watching) {
      std::this_thread::yield();
      continue;
    }
    seen.store(published.load(std::memory_order_seq_cst));
    watch_.stop(5);
    watching = false;
    seen.store(published.load(std::memory_order_seq_cst));
  }
  publisher.join();
  EXPECT_EQ(seen.load(), kCount);
}

}  // namespace
}  // namespace homa::channel
