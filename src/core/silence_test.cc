#include "core/silence.h"

#include <gtest/gtest.h>

namespace homa::core {
namespace {

using Action = Silence::Action;

constexpr Time at(std::int64_t ticks) { return Time{Duration{ticks * 1'000'000}}; }

struct SilenceTest : testing::Test {
  SilenceTest() {
    known.host = &host;
    known.repairs = &repairs;
  }
  Action look(std::int64_t tick) { return silence.receiver(at(tick), state, known).action; }
  // Asks whenever it is time, at each tick up to `last`; how often `action` was the answer.
  int count(Action action, std::int64_t last) {
    int times = 0;
    for (std::int64_t tick = 1; tick <= last; ++tick) {
      const Action now = look(tick);
      if (now == Action::kAsk) silence.receiver_asked(at(tick), state);
      times += now == action ? 1 : 0;
    }
    return times;
  }

  CoreConfig config;  // ticks: 5 to the first RESEND, 5 to the next, 100 to the timeout
  Silence silence{config};
  SilenceState state;
  Liveness host;
  Repairs repairs;
  Silence::Receiver known;
};

TEST_F(SilenceTest, TheFirstQuestionComesAfterResendTicks) {
  EXPECT_EQ(silence.deadline(state, Time{}), at(5));
  EXPECT_EQ(look(4), Action::kWait);
  const auto verdict = silence.receiver(at(5), state, known);
  EXPECT_EQ(verdict.action, Action::kAsk);
  EXPECT_TRUE(verdict.unresponsive);
  silence.receiver_asked(at(5), state);
  EXPECT_EQ(silence.deadline(state, Time{}), at(10));
}

TEST_F(SilenceTest, AfterTimeoutTicksOfQuestionsTheRpcIsLost) {
  EXPECT_EQ(count(Action::kTimeOut, 99), 0);
  EXPECT_EQ(look(100), Action::kTimeOut);
}

TEST_F(SilenceTest, UnknownIsAnAnswer) {
  EXPECT_EQ(count(Action::kTimeOut, 99), 0);
  silence.begins_again(state);
  EXPECT_EQ(look(100), Action::kAsk);
}

TEST_F(SilenceTest, ARequestThatIsUnknownAgainAndAgainFailsAfterAll) {
  std::int64_t tick = 1;
  for (; tick < 2'000 && look(tick) != Action::kTimeOut; ++tick) {
    if (look(tick) != Action::kAsk) continue;
    silence.receiver_asked(at(tick), state);
    silence.begins_again(state);
  }
  EXPECT_GT(tick, 500) << "a server that starts must be waited for";
  EXPECT_LT(tick, 1'000);
}

TEST_F(SilenceTest, WhoWasNotAskedIsNotLost) {
  EXPECT_EQ(look(100), Action::kAsk);
  EXPECT_EQ(look(10'000), Action::kAsk);
}

TEST_F(SilenceTest, ADeadHostLosesItsRpcsWhateverWasAskedAboutThem) {
  for (int tick = 5; tick < 100; tick += 5) host.asked(at(tick), config);
  EXPECT_EQ(look(99), Action::kAsk);
  EXPECT_EQ(look(100), Action::kHostIsDead);
}

TEST_F(SilenceTest, WhatTheServerKnowsIsWatched) {
  known.acknowledged = true;
  EXPECT_EQ(look(5), Action::kWatch);
  known.ours_to_act = true;
  EXPECT_EQ(look(5), Action::kWait) << "our own bytes come first";
}

TEST_F(SilenceTest, WhatWasAskedForIsAwaitedWhileItComes) {
  state.repair = repairs.asked(10'000, 0);
  repairs.arrived(at(3), 1'000);
  const auto verdict = silence.receiver(at(7), state, known);
  EXPECT_EQ(verdict.action, Action::kAwaitRepair);
  EXPECT_EQ(verdict.next, at(8));
  EXPECT_EQ(look(8), Action::kAsk);
}

TEST_F(SilenceTest, WhatWeSentLastCountsAsMuchAsWhatWeHeard) {
  known.last_sent = at(90);
  EXPECT_EQ(look(94), Action::kWait);
  EXPECT_EQ(look(95), Action::kAsk);
}

TEST_F(SilenceTest, SilenceThatIsOurDoingIsNotCounted) {
  known.ours_to_act = true;
  EXPECT_EQ(count(Action::kWait, 300), 300);
}

TEST_F(SilenceTest, ABusyLinkPostponesForHalfATimeout) {
  known.link_busy = true;
  EXPECT_EQ(count(Action::kPostpone, 54), 10);
  EXPECT_EQ(look(55), Action::kAsk);
}

TEST_F(SilenceTest, NeedAckIntervalsDouble) {
  const Silence::Replier replied{.last_sent = at(1), .all_sent = true};
  EXPECT_EQ(silence.replier(at(2), state, replied).next, at(3));
  Time next = at(3);
  for (const int wait : {1, 2, 4, 8, 16, 32, 64, 128, 256, 256}) {
    EXPECT_EQ(silence.replier(next, state, replied).action, Action::kAsk);
    silence.replier_asked(next, state, replied);
    EXPECT_EQ(state.next_need_ack, next + config.tick * wait);
    next = state.next_need_ack;
  }
}

TEST_F(SilenceTest, AResponseThatIsNeverAckedIsForgottenOnceItWasAskedAbout) {
  const Silence::Replier replied{.last_sent = at(1), .all_sent = true};
  EXPECT_EQ(silence.replier(at(10'001), state, replied).action, Action::kAsk);
  for (int i = 0; i < 5; ++i) silence.replier_asked(at(10 + i), state, replied);
  EXPECT_NE(silence.replier(at(10'000), state, replied).action, Action::kForget);
  EXPECT_EQ(silence.replier(at(10'001), state, replied).action, Action::kForget);
}

TEST_F(SilenceTest, AClientOnALivingHostHasSixTimesAsLong) {
  const Silence::Replier replied{.last_sent = at(1), .all_sent = true, .host_heard = at(59'000)};
  for (int i = 0; i < 5; ++i) silence.replier_asked(at(10 + i), state, replied);
  EXPECT_NE(silence.replier(at(60'000), state, replied).action, Action::kForget);
  EXPECT_EQ(silence.replier(at(60'001), state, replied).action, Action::kForget);
}

TEST_F(SilenceTest, AClientThatOwesGrantsIsAskedAfterTheTimeout) {
  Silence::Replier sending{.last_sent = at(1), .ours_to_act = true};
  EXPECT_EQ(silence.replier(at(500), state, sending).action, Action::kWait);
  sending.ours_to_act = false;
  EXPECT_EQ(silence.replier(at(599), state, sending).action, Action::kWait);
  EXPECT_EQ(silence.replier(at(600), state, sending).action, Action::kAsk);
  silence.replier_asked(at(600), state, sending);
  EXPECT_EQ(state.next_need_ack, at(700));
}

}  // namespace
}  // namespace homa::core
