#include "core/silence.h"

#include <gtest/gtest.h>

namespace homa::core {
namespace {

using Action = Silence::Action;

constexpr Time at(std::int64_t ticks) { return Time{Duration{ticks * 1'000'000}}; }

struct SilenceTest : testing::Test {
  // Looks at each tick up to `last`; how often `action` was the answer.
  int count(Action action, std::int64_t last) {
    int times = 0;
    for (std::int64_t tick = 1; tick <= last; ++tick) {
      times += silence.receiver(at(tick), state, known, questions, 0).action == action ? 1 : 0;
    }
    return times;
  }

  CoreConfig config;  // ticks: 5 to the first RESEND, 5 to the next, 100 to the timeout
  Silence silence{config};
  SilenceState state;
  Questions questions;
  Silence::Receiver known;
};

TEST_F(SilenceTest, TheFirstQuestionComesAfterResendTicks) {
  EXPECT_EQ(silence.deadline(state, Time{}), at(5));
  EXPECT_EQ(silence.receiver(at(4), state, known, questions, 0).action, Action::kWait);
  const auto verdict = silence.receiver(at(5), state, known, questions, 0);
  EXPECT_EQ(verdict.action, Action::kAsk);
  EXPECT_TRUE(verdict.unresponsive);
  EXPECT_EQ(verdict.next, at(10));
}

TEST_F(SilenceTest, AfterTimeoutTicksThePeerIsDead) {
  EXPECT_EQ(count(Action::kTimeOut, 99), 0);
  EXPECT_EQ(silence.receiver(at(100), state, known, questions, 0).action, Action::kTimeOut);
}

TEST_F(SilenceTest, WhatWeSentLastCountsAsMuchAsWhatWeHeard) {
  known.last_sent = at(90);
  EXPECT_EQ(silence.receiver(at(94), state, known, questions, 0).action, Action::kWait);
  EXPECT_EQ(silence.receiver(at(95), state, known, questions, 0).action, Action::kAsk);
}

TEST_F(SilenceTest, SilenceThatIsOurDoingIsNotCounted) {
  known.ours_to_act = true;
  EXPECT_EQ(count(Action::kWait, 300), 300);
  known.started = true;
  EXPECT_EQ(count(Action::kSayBusy, 20), 20) << "the sender must not give up";
}

TEST_F(SilenceTest, ABusyLinkPostponesForHalfATimeout) {
  known.link_busy = true;
  EXPECT_EQ(count(Action::kPostpone, 54), 10);
  EXPECT_EQ(silence.receiver(at(55), state, known, questions, 0).action, Action::kAsk);
}

TEST_F(SilenceTest, APeerThatWasAskedEnoughIsAskedLater) {
  while (questions.ask(at(5), config.tick)) {
  }
  const auto verdict = silence.receiver(at(5), state, known, questions, 3);
  EXPECT_EQ(verdict.action, Action::kNotNow);
  EXPECT_EQ(verdict.next, at(5 + 4)) << "RPCs take turns";
  EXPECT_EQ(state.asked, 0U);
}

TEST_F(SilenceTest, NeedAckIntervalsDouble) {
  const Silence::Replier replied{.last_sent = at(1), .all_sent = true};
  EXPECT_EQ(silence.replier(at(2), state, replied, questions, 0).next, at(3));
  Time next = at(3);
  for (const int wait : {1, 2, 4, 8, 16, 32, 64, 64}) {
    const auto verdict = silence.replier(next, state, replied, questions, 0);
    EXPECT_EQ(verdict.action, Action::kAsk);
    EXPECT_EQ(verdict.next, next + config.tick * wait);
    next = verdict.next;
  }
}

TEST_F(SilenceTest, AResponseThatIsNeverAckedIsForgotten) {
  const Silence::Replier replied{.last_sent = at(1), .all_sent = true};
  EXPECT_NE(silence.replier(at(1'000), state, replied, questions, 0).action, Action::kForget);
  EXPECT_EQ(silence.replier(at(1'001), state, replied, questions, 0).action, Action::kForget);
}

TEST_F(SilenceTest, AClientThatDiedDoesNotKeepAnUnsentResponse) {
  Silence::Replier sending{.last_sent = at(1), .ours_to_act = true};
  EXPECT_EQ(silence.replier(at(500), state, sending, questions, 0).action, Action::kWait);
  sending.ours_to_act = false;
  EXPECT_EQ(silence.replier(at(599), state, sending, questions, 0).action, Action::kWait);
  EXPECT_EQ(silence.replier(at(600), state, sending, questions, 0).action, Action::kTimeOut);
}

}  // namespace
}  // namespace homa::core
