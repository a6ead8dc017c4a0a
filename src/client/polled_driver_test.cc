#include "client/polled_driver.h"

#include <gtest/gtest.h>

#include "engine/defaults.h"
#include "engine/fake_network.h"

namespace homa::client {
namespace {

class PolledDriverTest : public ::testing::Test {
 protected:
  static std::unique_ptr<engine::Engine> make_engine(engine::FakeNetwork& network, int wake_fd) {
    auto io = std::make_unique<engine::FakeIo>(network, Address::v4(10, 0, 0, 1));
    core::CoreConfig config = engine::defaults_for(io->capabilities());
    return engine::Engine::create(config, std::move(io), 1, wake_fd).value();
  }

  engine::FakeNetwork network_;
  std::shared_ptr<channel::Region> region_ = channel::Region::create({}).value();
  std::unique_ptr<engine::Engine> engine_ = make_engine(network_, region_->descriptor());
  PolledDriver driver_{*engine_};
};

TEST_F(PolledDriverTest, OneThreadDrivesAtATime) {
  EXPECT_TRUE(driver_.try_begin());
  EXPECT_FALSE(driver_.try_begin());
  driver_.end();
  EXPECT_TRUE(driver_.try_begin());
  driver_.end();
}

TEST_F(PolledDriverTest, WhoStopsDrivingWakesTheMostRecentSleeper) {
  channel::WakeWord first{0}, second{0};
  driver_.add_sleeper(first);
  driver_.add_sleeper(second);
  ASSERT_TRUE(driver_.try_begin());
  driver_.pass_on();
  EXPECT_EQ(second.load(), 0U) << "somebody drives";
  driver_.end();
  EXPECT_EQ(second.load(), 1U);
  EXPECT_EQ(first.load(), 0U);
}

// The turn to drive may go to a thread that has just been given its message and leaves.
TEST_F(PolledDriverTest, WhoLeavesInsteadOfDrivingPassesTheTurnOn) {
  channel::WakeWord first{0}, second{1};
  driver_.add_sleeper(first);
  driver_.add_sleeper(second);
  ASSERT_TRUE(driver_.try_begin());
  driver_.end();
  EXPECT_EQ(first.load(), 0U);
  driver_.remove_sleeper(second);
  driver_.pass_on();
  EXPECT_EQ(first.load(), 1U);
}

}  // namespace
}  // namespace homa::client
