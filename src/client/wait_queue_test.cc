#include "client/wait_queue.h"

#include <gtest/gtest.h>

#include <array>
#include <deque>

#include "client/fake_link.h"

namespace homa::client {
namespace {

class WaitQueueTest : public ::testing::Test {
 protected:
  // A message came: whom does the engine wake?
  void message() {
    engine_.complete(channel::Completion{}, true);
    engine_.publish();
  }
  static bool woken(const Waiter& waiter) { return waiter.word->load() == 1; }

  std::shared_ptr<channel::Region> region_ = channel::Region::create({}).value();
  channel::EngineEnd engine_{region_};
  channel::ApplicationEnd application_{region_, quiet_bell()};
  FakeLink link_;
  WaitQueue queue_{application_, link_};
};

TEST_F(WaitQueueTest, TheEngineWakesWhoSleptLast) {
  Waiter first, second;
  queue_.enter(first);
  EXPECT_TRUE(queue_.name_sleeper());
  queue_.enter(second);
  EXPECT_TRUE(queue_.name_sleeper());
  EXPECT_FALSE(queue_.name_sleeper()) << "it is named already";
  message();
  EXPECT_TRUE(woken(second));
  EXPECT_FALSE(woken(first));
  queue_.leave(second);
  EXPECT_TRUE(queue_.name_sleeper());
  message();
  EXPECT_TRUE(woken(first));
}

TEST_F(WaitQueueTest, NobodyIsWokenWhileAThreadWatches) {
  Waiter sleeper, watcher;
  queue_.enter(sleeper);
  queue_.enter(watcher);
  queue_.begin_watch(watcher);
  EXPECT_FALSE(queue_.name_sleeper());
  message();
  EXPECT_FALSE(woken(sleeper));
  EXPECT_FALSE(woken(watcher));
  queue_.end_watch(watcher);
  EXPECT_TRUE(queue_.name_sleeper());
  message();
  EXPECT_TRUE(woken(watcher));
}

TEST_F(WaitQueueTest, EachMessageIsForOneThreadThatTakesAny) {
  Waiter old_one, by_id, new_one;
  old_one.any = new_one.any = true;
  for (Waiter* waiter : {&old_one, &new_one, &by_id}) queue_.enter(*waiter);
  queue_.notify_any(1);
  EXPECT_TRUE(woken(new_one));
  EXPECT_FALSE(woken(old_one));
  queue_.notify_any(2);
  EXPECT_TRUE(woken(old_one));
  EXPECT_FALSE(woken(by_id));
}

TEST_F(WaitQueueTest, AWatcherIsInterruptedOnce) {
  Waiter waiter;
  queue_.enter(waiter);
  queue_.begin_watch(waiter);
  queue_.notify(waiter);
  queue_.notify(waiter);
  EXPECT_EQ(link_.interrupts, 1);
  WaitQueue::rearm(waiter);
  queue_.notify(waiter);
  EXPECT_EQ(link_.interrupts, 2);
}

// More threads than wake words wait with a word of their own; the engine wakes one that has one.
TEST_F(WaitQueueTest, ThreadsBeyondTheWakeWordsAreWokenByOthers) {
  std::deque<Waiter> waiters(channel::kWakeWords + 2);
  for (Waiter& waiter : waiters) queue_.enter(waiter);
  EXPECT_EQ(waiters.back().index, 0U);
  EXPECT_TRUE(queue_.name_sleeper());
  message();
  EXPECT_TRUE(woken(waiters[channel::kWakeWords - 1]));
  queue_.notify(waiters.back());
  EXPECT_TRUE(woken(waiters.back()));
  for (Waiter& waiter : waiters) queue_.leave(waiter);
  Waiter next;
  queue_.enter(next);
  EXPECT_NE(next.index, 0U);
}

}  // namespace
}  // namespace homa::client
