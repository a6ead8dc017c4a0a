// Whether it pays to look for packets for a while before going to sleep.
//
// Looking saves the time of going to sleep and of being woken. But who looks keeps a processor. If
// the peer, or a thread that is to produce the next message, waits for that very processor, the
// message comes only when the looking ends. It then comes soon after, which is how it shows: what
// came soon after a thread went to sleep had been looked for in vain. Where that happens often, an
// engine sleeps at once, and tries anew from time to time. What comes much later says nothing: the
// machine was idle. What was found at once says nothing either, because it was there before. Nor
// does what was found after the looking thread had lost its processor for a while: it may have come
// because of that.
#pragma once

#include <algorithm>

#include "base/time.h"

namespace homa::engine {

class PollWorth {
 public:
  // `poll`: how long to look where it pays.
  explicit PollWorth(Duration poll) : poll_(poll) {}

  // The caller begins to wait.
  void begin(Time now) {
    since_ = looked_ = now;
    sleeps_ = interrupted_ = false;
  }
  // Nothing is there. True: look again. False: go to sleep.
  bool looks(Time now) {
    interrupted_ = interrupted_ || lost_processor(now);
    looked_ = now;
    return now - since_ < (resting_ > 0 ? Duration::zero() : poll_);
  }
  void goes_to_sleep(Time now) {
    if (sleeps_) return;  // it was woken for nothing
    sleeps_ = true;
    since_ = now;
  }
  // Something came, and the wait begins anew.
  void worked(Time now) {
    if (sleeps_) {
      came_after(now - since_);
    } else if (now - since_ > kAtOnce && !interrupted_ && !lost_processor(now)) {
      found();
    }
    begin(now);
  }
  // worked() changes nothing, if the caller did not sleep: a rough time will do for it.
  bool sure() const { return credit_ == kCreditMost; }

 private:
  // Looking pays where it is in vain less than once in so many times.
  static constexpr int kPriceInVain = 2;
  static constexpr int kCreditMost = 8;
  // Waits without looking, before the next attempt.
  static constexpr int kRestLeast = 8, kRestMost = 512;
  static constexpr Duration kAtOnce{2'000};
  // Two looks are no further apart, unless something else ran in between.
  static constexpr Duration kBetweenLooks{8'000};

  bool lost_processor(Time now) const { return now - looked_ > kBetweenLooks; }
  void found() {
    if (credit_ < kCreditMost && ++credit_ == kCreditMost) rest_ = kRestLeast;
  }

  void came_after(Duration asleep) {
    if (resting_ > 0) {
      --resting_;
    } else if (asleep <= poll_ && (credit_ -= kPriceInVain) < 0) {
      credit_ = 0;
      resting_ = rest_;
      rest_ = std::min(2 * rest_, kRestMost);
    }
  }

  Duration poll_;
  Time since_{};   // it looks, or sleeps
  Time looked_{};  // when it looked last
  bool sleeps_ = false;
  bool interrupted_ = false;  // it lost the processor since it began to look
  int credit_ = kCreditMost;
  int resting_ = 0;
  int rest_ = kRestLeast;
};

}  // namespace homa::engine
