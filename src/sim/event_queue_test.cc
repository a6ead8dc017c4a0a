#include "sim/event_queue.h"

#include <gtest/gtest.h>

#include <map>

#include "sim/random.h"

namespace homa::sim {
namespace {

TEST(EventQueue, GivesEventsInOrderOfTimeAndEqualTimesInOrderOfPushing) {
  EventQueue queue;
  Random random(7);
  std::multimap<SimTime, std::uint32_t> expected;  // keeps the order of equal keys
  SimTime now{0};
  std::uint32_t pushed = 0;
  for (int round = 0; round < 200'000; ++round) {
    if (queue.size() < 3 || (queue.size() < 2'000 && random.chance(0.5))) {
      // Near, at the horizon, far beyond it; coarse, so that times coincide.
      const std::uint64_t reach[] = {10'000, 2'000'000, 40'000'000, 5'000'000'000};
      const SimTime time =
          now +
          SimTime(static_cast<std::int64_t>(random.between(0, reach[random.below(4)]) / 500) * 500);
      queue.push(time, EventKind::kArrival, pushed, 0);
      expected.emplace(time, pushed++);
    } else {
      Event event;
      ASSERT_TRUE(queue.pop(event));
      ASSERT_EQ(event.time, expected.begin()->first);
      ASSERT_EQ(event.target, expected.begin()->second) << "round " << round;
      expected.erase(expected.begin());
      now = event.time;
    }
  }
  ASSERT_EQ(queue.size(), expected.size());
}

TEST(EventQueue, AnEmptyQueueGivesNothing) {
  EventQueue queue;
  Event event;
  EXPECT_FALSE(queue.pop(event));
  queue.push(SimTime(5), EventKind::kSample, 1, 2);
  EXPECT_TRUE(queue.pop(event));
  EXPECT_EQ(event.kind, EventKind::kSample);
  EXPECT_EQ(event.value, 2U);
  EXPECT_FALSE(queue.pop(event));
}

}  // namespace
}  // namespace homa::sim
