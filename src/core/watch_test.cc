#include "core/watch.h"

#include <gtest/gtest.h>

#include <deque>
#include <vector>

namespace homa::core {
namespace {

using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;

constexpr Time at(Duration since_start) { return Time(since_start); }

class WatchTest : public ::testing::Test {
 protected:
  void add(Time now, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      watch_.add(now, places_.emplace_back(), config_);
    }
  }
  Time due() const { return watch_.due(host_, per_question_, config_); }
  void exchange(Time now) {
    watch_.asked(now, config_);
    host_.heard(now);
  }
  ~WatchTest() override {
    for (Place& place : places_) watch_.remove(place);
  }

  const CoreConfig config_;
  std::size_t per_question_ = 6;
  std::deque<Place> places_;
  Liveness host_;
  Watch watch_;
};

TEST_F(WatchTest, OneRpcAloneIsAskedAboutLessAndLess) {
  EXPECT_EQ(due(), kNever);
  add(at(10ms), 1);
  std::vector<Duration> intervals;
  Time now = at(10ms);
  for (int i = 0; i < 10; ++i) {
    intervals.push_back(due() - now);
    now = due();
    exchange(now);
  }
  const std::vector<Duration> expected = {10ms,  20ms,  40ms,    80ms,    160ms,
                                          320ms, 640ms, 1'280ms, 2'000ms, 2'000ms};
  EXPECT_EQ(intervals, expected);
}

// Each of them once in question_interval_max, and the host once in half a timeout.
TEST_F(WatchTest, ManyRpcsAreAskedAboutEvenly) {
  add(at(0ms), 10'000);
  for (int i = 0; i < 20; ++i) exchange(due());
  const Time before = due();
  exchange(before);
  EXPECT_EQ(due() - before, Duration(4s) * 6 / 10'000);
  while (watch_.size() > 100) watch_.remove(places_[watch_.size() - 1]);
  const Time then = at(100s);
  exchange(then);
  EXPECT_EQ(due() - then, 50ms);
}

TEST_F(WatchTest, AHostThatIsHeardNeedNotBeAsked) {
  add(at(0ms), 3);
  host_.heard(at(9ms));
  EXPECT_EQ(due(), at(19ms));
  // But about its RPCs it is asked all the same, now and then.
  host_.heard(at(4'000ms));
  EXPECT_EQ(due(), at(4'000ms));
}

TEST_F(WatchTest, AHostInDoubtIsAskedAgainSoon) {
  add(at(0ms), 1);
  for (int i = 0; i < 10; ++i) exchange(due());
  const Time asked = due();
  watch_.asked(asked, config_);
  host_.asked(asked, config_);
  EXPECT_EQ(due(), asked + 5ms);
}

}  // namespace
}  // namespace homa::core
