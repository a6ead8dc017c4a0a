#include "core/retry_timers.h"

#include <gtest/gtest.h>

#include <array>
#include <random>
#include <vector>

namespace homa::core {
namespace {

constexpr Time at(std::int64_t nanoseconds) { return Time{Duration{nanoseconds}}; }

TEST(RetryTimers, FireInOrderAndNotBeforeTheirTime) {
  RetryTimers timers(Duration{1'000'000});
  std::array<Timer, 3> timer;
  timers.arm(at(0), timer[0], at(7'500'000));
  timers.arm(at(0), timer[1], at(5'000'000));
  timers.arm(at(0), timer[2], at(5'000'001));
  EXPECT_EQ(timers.next_deadline(), at(5'000'000));
  EXPECT_EQ(timers.expire(at(4'999'999)), nullptr);
  EXPECT_EQ(timers.expire(at(5'000'000)), &timer[1]);
  EXPECT_EQ(timers.expire(at(5'000'000)), nullptr);
  EXPECT_EQ(timers.expire(at(20'000'000)), &timer[2]);
  EXPECT_EQ(timers.expire(at(20'000'000)), &timer[0]);
  EXPECT_EQ(timers.next_deadline(), kNever);
}

TEST(RetryTimers, NeverLateWhateverTheOrderOfCalls) {
  RetryTimers timers(Duration{1'000'000});
  std::mt19937_64 random(9);
  std::vector<Timer> pool(200);
  std::vector<std::int64_t> due(pool.size(), -1);
  std::int64_t now = 0;
  for (int step = 0; step < 50'000; ++step) {
    const std::size_t pick = random() % pool.size();
    switch (random() % 4) {
      case 0: {
        const auto wait = static_cast<std::int64_t>(random() % 700'000'000);
        timers.arm(at(now), pool[pick], at(now + wait));
        due[pick] = now + wait;
        break;
      }
      case 1:
        timers.disarm(pool[pick]);
        due[pick] = -1;
        break;
      default:
        now += static_cast<std::int64_t>(random() % 30'000'000);
        if (random() % 500 == 0) now += 2'000'000'000;  // nobody called for a long time
        while (Timer* timer = timers.expire(at(now))) {
          const auto index = static_cast<std::size_t>(timer - pool.data());
          ASSERT_GE(due[index], 0);
          if (due[index] > now) {  // the horizon: early is harmless
            timers.arm(at(now), *timer, at(due[index]));
          } else {
            due[index] = -1;
          }
        }
        for (const std::int64_t time : due) ASSERT_GT(time < 0 ? now + 1 : time + 1'000'000, now);
    }
  }
  for (Timer& timer : pool) timers.disarm(timer);
}

}  // namespace
}  // namespace homa::core
