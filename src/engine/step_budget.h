// How many submissions a step takes, and from whom.
//
// A step ends before the next one begins, so what a step does for one program is what all others
// wait for. Beside others a program gets a small share of each step, however many channels it has,
// and the more programs are busy, the smaller it is. Nobody gets more than one while many short
// messages wait to be sent: those leave in the order in which they were taken, so a queue of them
// would hold up all programs.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace homa::engine {

// What a program has taken; part of the program.
struct StepShare {
  std::uint64_t step = 0;  // the last in which it was asked for
  std::size_t taken = 0;   // in that step
};

class StepBudget {
 public:
  static constexpr std::size_t kInAll = 2'048;
  // Of one program that is not alone: so many of all together, at least and at most.
  static constexpr std::size_t kTogether = 256, kLeast = 4, kMost = 32;
  // Short messages: about what a step sends.
  static constexpr std::size_t kWaitingMax = 256;

  // A step begins. `alone`: no other program is attached. `waiting`: short messages that were taken
  // and are not sent yet.
  void begin(bool alone, std::size_t waiting) {
    ++step_;
    left_ = kInAll;
    if (waiting >= kWaitingMax) {
      share_ = 1;
    } else {
      share_ = alone ? kInAll : std::clamp(kTogether / std::max(busy_, kOne), kLeast, kMost);
    }
    busy_ = 0;
  }
  // What a program of this share may have now.
  std::size_t left(StepShare& share) const {
    if (share.step != step_) share = StepShare{step_, 0};
    return std::min(left_, share_ - std::min(share_, share.taken));
  }
  // At least 1, at most left().
  void take(StepShare& share, std::size_t count) {
    if (share.taken == 0) ++busy_;
    share.taken += count;
    left_ -= count;
  }
  bool used_up() const { return left_ == 0; }

 private:
  static constexpr std::size_t kOne = 1;

  std::uint64_t step_ = 0;
  std::size_t left_ = 0;
  std::size_t share_ = 0;
  std::size_t busy_ = 0;  // programs that submitted something in this step
};

}  // namespace homa::engine
