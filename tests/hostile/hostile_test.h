// What each attack needs: its stage, and a calm client to compare with.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

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

  // The same during an attack. A busy machine may take the processor from one of the two clients
  // for a while: then once more, twice at most. Failures of all tries count.
  Scores beside_attack(Client& client, const Scores& before,
                       std::chrono::milliseconds patience = 3s) {
    Scores scores = beside(client, time_during(), patience);
    for (int tries = 0; tries < 2 && !keeps_half(before, scores); ++tries) {
      Scores again = beside(client, time_during(), patience);
      for (const auto& [error, count] : scores.mine.failed) again.mine.failed[error] += count;
      scores = std::move(again);
    }
    return scores;
  }

  // Packets per second of an attack: `most`, or as many as the machine answers calls at the moment,
  // so that a busy one is not taken for one that gave in.
  static double pace(double most, const Scores& before) {
    return std::min(most, before.calm.per_second());
  }

  std::unique_ptr<Stage> stage_;

 private:
  std::unique_ptr<Calm> calm_;
};

}  // namespace homa::hostile
