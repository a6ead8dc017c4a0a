#include "core/liveness.h"

#include <gtest/gtest.h>

namespace homa::core {
namespace {

using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;

constexpr Time at(Duration since_start) { return Time(since_start); }

TEST(Unanswered, IsHopelessAfterTheTimeAndTheQuestions) {
  const CoreConfig config;
  Unanswered unanswered;
  EXPECT_FALSE(unanswered.hopeless(at(10s), config)) << "nobody asked";
  unanswered.asked(at(5ms), config);
  unanswered.asked(at(10ms), config);
  unanswered.asked(at(15ms), config);
  unanswered.asked(at(20ms), config);
  EXPECT_FALSE(unanswered.hopeless(at(10s), config)) << "four are too few";
  unanswered.asked(at(25ms), config);
  EXPECT_FALSE(unanswered.hopeless(at(99ms), config));
  EXPECT_TRUE(unanswered.hopeless(at(100ms), config));
}

TEST(Unanswered, TheLastQuestionThatCountsMayStillBeAnswered) {
  const CoreConfig config;
  Unanswered unanswered;
  for (int i = 0; i < 5; ++i) unanswered.asked(at(i * 100ms), config);
  EXPECT_FALSE(unanswered.hopeless(at(404ms), config));
  unanswered.asked(at(404ms), config);  // one more is no further reprieve
  EXPECT_TRUE(unanswered.hopeless(at(405ms), config));
}

TEST(Unanswered, AnAnswerBeginsAnew) {
  const CoreConfig config;
  Unanswered unanswered;
  for (int i = 1; i < 20; ++i) unanswered.asked(at(i * 5ms), config);
  unanswered.answered();
  unanswered.asked(at(99ms), config);
  EXPECT_FALSE(unanswered.hopeless(at(10s), config));
}

TEST(Liveness, WhoIsNotAskedIsNotDead) {
  const CoreConfig config;
  Liveness host;
  host.heard(at(1ms));
  EXPECT_FALSE(host.dead(at(3'600s), config));
  for (int i = 0; i < 19; ++i) host.asked(at(1s + i * 5ms), config);
  EXPECT_TRUE(host.in_doubt());
  EXPECT_TRUE(host.dead(at(1'095ms), config));
  host.heard(at(1'095ms));
  EXPECT_FALSE(host.in_doubt());
  EXPECT_FALSE(host.dead(at(1'095ms), config));
}

}  // namespace
}  // namespace homa::core
