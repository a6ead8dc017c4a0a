#include "core/grant_scheduler.h"

#include <gtest/gtest.h>

#include <deque>
#include <random>

namespace homa::core {
namespace {

class Grants : public testing::Test {
 protected:
  Grants() {
    config_.grant_fifo_per_mille = 0;
    make();
  }
  void TearDown() override { remove_all(); }
  // What a test owns and the scheduler refers to must outlive the messages.
  void remove_all() {
    for (GrantState& state : states_) scheduler_->remove(state);
    states_.clear();
  }
  void make() {
    priorities_ = std::make_unique<PriorityMap>(config_.priorities, config_.cutoffs);
    scheduler_ = std::make_unique<GrantScheduler>(config_, *priorities_);
  }
  GrantState& announce(PeerGrants& peer, std::uint32_t length, std::uint32_t unscheduled = 1000) {
    GrantState& state = states_.emplace_back();
    state.length = length;
    state.granted = std::min(length, unscheduled);
    state.age = states_.size();
    state.peer = &peer;
    scheduler_->add(state);
    return state;
  }
  std::vector<GrantScheduler::Grant> grants() {
    std::vector<GrantScheduler::Grant> all;
    while (const auto grant = scheduler_->next()) {
      EXPECT_LE(scheduler_->incoming(), config_.max_incoming);
      all.push_back(*grant);
    }
    return all;
  }
  void receive(GrantState& state, std::uint32_t bytes) {
    const std::uint32_t to = std::min(state.length, state.received + bytes);
    scheduler_->on_received(state, to, to);
    if (to == state.length) scheduler_->remove(state);
  }

  CoreConfig config_;
  std::unique_ptr<PriorityMap> priorities_;
  std::unique_ptr<GrantScheduler> scheduler_;
  std::deque<GrantState> states_;
  std::deque<PeerGrants> peers_ = std::deque<PeerGrants>(20);
};

TEST_F(Grants, OneMessageGetsHalfOfMaxIncomingAtTheLowestLevel) {
  GrantState& state = announce(peers_[0], 500'000, 40'000);
  const auto all = grants();
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all[0].offset, 200'000U);
  EXPECT_EQ(all[0].priority, 0);
  receive(state, 1424);
  const auto more = grants();
  ASSERT_EQ(more.size(), 1U);
  EXPECT_EQ(more[0].offset, 201'424U);
}

TEST_F(Grants, AMessageThatIsHeldCountsAsIncomingAndIsGrantedNothingUntilItIsLetGo) {
  GrantState& held = states_.emplace_back();
  held.length = 500'000;
  held.granted = 40'000;
  held.peer = &peers_[0];
  held.held = true;
  scheduler_->add(held);
  EXPECT_EQ(scheduler_->incoming(), 40'000U);
  receive(held, 10'000);
  EXPECT_TRUE(grants().empty());
  EXPECT_EQ(scheduler_->incoming(), 30'000U);
  scheduler_->let_go(held);
  ASSERT_EQ(grants().size(), 1U);
}

TEST_F(Grants, FewestBytesToReceiveGetTheHighestScheduledLevel) {
  GrantState& large = announce(peers_[0], 900'000);
  GrantState& medium = announce(peers_[1], 500'000);
  GrantState& small = announce(peers_[2], 200'000);
  const auto all = grants();
  ASSERT_EQ(all.size(), 3U);
  EXPECT_EQ(all[0].state, &small);
  EXPECT_EQ(all[0].priority, 2);
  EXPECT_EQ(all[1].state, &medium);
  EXPECT_EQ(all[1].priority, 1);
  EXPECT_EQ(all[2].state, &large);
  EXPECT_EQ(all[2].priority, 0);
}

TEST_F(Grants, RanksByWhatRemainsNowNotByWhatRemainedAtFirst) {
  GrantState& a = announce(peers_[0], 300'000);
  GrantState& b = announce(peers_[1], 310'000);
  grants();
  receive(b, 50'000);
  for (const auto& grant : grants()) EXPECT_EQ(grant.priority, grant.state == &b ? 1 : 0);
  EXPECT_GT(a.remaining(), b.remaining());
}

TEST_F(Grants, EveryPeerGetsOneBeforeAnyGetsASecond) {
  for (int i = 0; i < 8; ++i) announce(peers_[0], 50'000 + static_cast<std::uint32_t>(i));
  GrantState& newcomer = announce(peers_[1], 900'000);
  EXPECT_TRUE(newcomer.active) << "larger, but of a peer that has none";
  EXPECT_EQ(peers_[0].active, 7U);
  EXPECT_FALSE(states_[7].active) << "the largest of the peer that held most";
}

TEST_F(Grants, WhenAllPeersHoldOneOnlyAShorterMessageDisplaces) {
  for (std::size_t i = 0; i < 8; ++i)
    announce(peers_[i], 100'000 * (static_cast<std::uint32_t>(i) + 1));
  GrantState& longer = announce(peers_[8], 900'000);
  EXPECT_FALSE(longer.active);
  GrantState& shorter = announce(peers_[9], 50'000);
  EXPECT_TRUE(shorter.active);
  EXPECT_FALSE(states_[7].active);
  scheduler_->remove(shorter);
  EXPECT_TRUE(states_[7].active) << "the free slot goes to the best that waits";
}

TEST_F(Grants, MaxIncomingHoldsAndTheBestOfTheRefusedComesFirst) {
  config_.max_incoming = 100'000;
  config_.window = 80'000;
  make();
  GrantState& first = announce(peers_[0], 300'000, 10'000);
  announce(peers_[1], 400'000, 10'000);
  grants();
  EXPECT_EQ(scheduler_->incoming(), 100'000U);
  GrantState& best = announce(peers_[2], 60'000, 1'000);
  EXPECT_TRUE(grants().empty());
  receive(first, 5'000);
  const auto all = grants();
  ASSERT_FALSE(all.empty());
  EXPECT_EQ(all[0].state, &best);
}

TEST_F(Grants, TheOldestGetsItsShareOutOfTurn) {
  config_.grant_fifo_per_mille = 50;
  config_.overcommit = 1;
  config_.window = 20'000;
  make();
  GrantState& oldest = announce(peers_[0], 100'000'000);
  announce(peers_[1], 100'000);
  std::uint64_t others = 0;
  for (std::size_t i = 1; i <= 400; ++i) {
    announce(peers_[1], 100'000);  // there is always a shorter one
    GrantState& shorter = states_[i];
    while (shorter.received < shorter.length) {
      grants();
      receive(shorter, 10'000);
      if (oldest.received < oldest.granted) receive(oldest, oldest.granted - oldest.received);
    }
    others += 99'000;
  }
  const double share = static_cast<double>(oldest.granted) / static_cast<double>(others);
  EXPECT_NEAR(share, 0.05, 0.01);
}

TEST_F(Grants, ASilentSenderHoldsNeitherASlotNorABudget) {
  config_.overcommit = 1;
  make();
  GrantState& dead = announce(peers_[0], 300'000);
  grants();
  GrantState& alive = announce(peers_[1], 400'000);
  EXPECT_TRUE(grants().empty());
  scheduler_->set_silent(dead, true);
  EXPECT_EQ(scheduler_->incoming(), 1'000U);
  ASSERT_EQ(grants().size(), 1U);
  EXPECT_TRUE(alive.active);
  scheduler_->set_silent(dead, false);
  EXPECT_TRUE(dead.active) << "heard again, and the shorter one";
}

TEST_F(Grants, BooksBalanceOverRandomTraffic) {
  config_.grant_fifo_per_mille = 50;
  make();
  std::mt19937 random(5);
  std::vector<GrantState*> live;
  for (int step = 0; step < 30'000; ++step) {
    if (live.size() < 40 && random() % 3 == 0) {
      const auto length = static_cast<std::uint32_t>(1 + random() % 300'000);
      live.push_back(&announce(peers_[random() % peers_.size()], length, 20'000));
    } else if (!live.empty()) {
      const std::size_t pick = random() % live.size();
      GrantState& state = *live[pick];
      if (random() % 50 == 0) {
        scheduler_->set_silent(state, !state.silent);
      } else if (random() % 100 == 0) {
        scheduler_->remove(state);
      } else if (state.granted > state.received) {
        scheduler_->set_silent(state, false);
        receive(state, std::min(1424U, state.granted - state.received));
      }
      if (!state.tracked) live.erase(live.begin() + static_cast<std::ptrdiff_t>(pick));
    }
    grants();
    std::uint64_t expected = 0;
    for (const GrantState* state : live) expected += state->incoming();
    ASSERT_EQ(scheduler_->incoming(), expected);
    ASSERT_LE(scheduler_->active(), config_.overcommit);
  }
  for (GrantState* state : live) scheduler_->remove(*state);
  EXPECT_EQ(scheduler_->incoming(), 0U);
  EXPECT_EQ(scheduler_->active(), 0U);
}

// Many senders behind a slow device, and one behind the usual one.
TEST_F(Grants, ADeviceThatIsGrantedAllItMayHaveHoldsNoOtherBack) {
  config_.window = 50'000;
  make();
  DeviceIncoming slow{100'000};
  for (int i = 0; i < 5; ++i) {
    scheduler_->set_device(peers_[static_cast<std::size_t>(i)], &slow);
    announce(peers_[static_cast<std::size_t>(i)], 300'000);
  }
  GrantState& usual = announce(peers_[10], 900'000, 1'000);
  while (scheduler_->next()) {
  }
  EXPECT_EQ(slow.bytes, slow.most);
  EXPECT_EQ(usual.granted, config_.window);
  receive(usual, 1'000);
  EXPECT_TRUE(scheduler_->next());
  EXPECT_EQ(slow.bytes, slow.most);
  remove_all();
}

TEST_F(Grants, APeerThatIsReachedByAnotherDeviceTakesWhatItIsOwedAlong) {
  DeviceIncoming other{100'000};
  GrantState& state = announce(peers_[0], 300'000, 10'000);
  scheduler_->set_device(peers_[0], &other);
  EXPECT_EQ(other.bytes, 10'000U);
  receive(state, 4'000);
  EXPECT_EQ(other.bytes, 6'000U);
  scheduler_->set_device(peers_[0], nullptr);
  EXPECT_EQ(other.bytes, 0U);
  EXPECT_EQ(scheduler_->incoming(), 6'000U);
}

}  // namespace
}  // namespace homa::core
