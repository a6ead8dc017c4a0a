#include "base/growing_queue.h"

#include <gtest/gtest.h>

#include <memory>

namespace homa::base {
namespace {

TEST(GrowingQueue, GivesBackInOrderWhileItGrows) {
  GrowingQueue<int> queue;
  EXPECT_TRUE(queue.empty());
  int expected = 0;
  for (int i = 0; i < 1'000; ++i) {
    queue.push(2 * i);
    queue.push_slot() = 2 * i + 1;
    EXPECT_EQ(queue.front(), expected++);
    queue.pop();
  }
  EXPECT_EQ(queue.size(), 1'000U);
  while (!queue.empty()) {
    EXPECT_EQ(queue.front(), expected++);
    queue.pop();
  }
  EXPECT_EQ(expected, 2'000);
}

TEST(GrowingQueue, HoldsWhatCanOnlyBeMoved) {
  GrowingQueue<std::unique_ptr<int>> queue;
  for (int i = 0; i < 100; ++i) queue.push(std::make_unique<int>(i));
  EXPECT_EQ(*queue.front(), 0);
}

TEST(GrowingQueue, ReservingKeepsWhatIsThere) {
  GrowingQueue<int> queue;
  for (int i = 0; i < 10; ++i) queue.push(i);
  queue.pop();
  queue.reserve(1'000);
  EXPECT_EQ(queue.size(), 9U);
  for (int i = 1; i < 10; ++i) {
    EXPECT_EQ(queue.front(), i);
    queue.pop();
  }
}

}  // namespace
}  // namespace homa::base
