// What each attack needs: its stage, and whether its defence exists.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>
#include <string>

#include "hostile/attack.h"
#include "hostile/bystander.h"
#include "hostile/stage.h"
#include "support/long_tests.h"

namespace homa::hostile {

class Hostile : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string reason;
    stage_ = Stage::create(reason);
    if (!stage_) GTEST_SKIP() << reason;
  }

  // Calls of `client`, by turns with those of the calm one.
  Scores beside(Client& client, std::chrono::milliseconds time,
                std::chrono::milliseconds patience = 3s) {
    constexpr std::chrono::milliseconds kTurn = 50ms;
    if (!calm_) calm_ = std::make_unique<Calm>(*stage_, client.lengths());
    Scores scores;
    while (scores.mine.time < time) {
      scores.mine.add(client.call_for(kTurn, patience));
      scores.calm.add(calm_->client().call_for(kTurn, patience));
    }
    return scores;
  }

  std::unique_ptr<Stage> stage_;

 private:
  std::unique_ptr<Calm> calm_;
};

// For attacks that docs/security.md lists as not defended: they are run on demand, to measure them.
#define HOMA_NOT_DEFENDED()                                                    \
  if (std::getenv("HOMA_HOSTILE_ALL") == nullptr) {                            \
    GTEST_SKIP() << "not defended yet (docs/security.md); HOMA_HOSTILE_ALL=1 " \
                    "runs it";                                                 \
  }                                                                            \
  static_assert(true)

}  // namespace homa::hostile
