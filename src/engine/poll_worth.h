// Whether it pays to look for packets for a while before going to sleep.
//
// Looking saves the time of going to sleep and of being woken. But who looks keeps a processor. If
// the peer, or a thread that is to produce the next message, waits for that very processor, the
// message comes only when the looking ends. It then comes soon after, which is how it shows: what
// came soon after a thread went to sleep had been looked for in vain. Where that happens often, an
// engine sleeps at once, and tries anew from time to time. What comes much later says nothing: the
// machine was idle. What was found at once says nothing either, because it was there before. Nor
// does what was found after the looking thread had lost its processor for a while: it may have come
// because of that. If it was lost for longer than a look lasts, the looking was in vain, too:
// others want the processor, and one who sleeps gets it back sooner when a message comes.
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
    since_ = now;
    looked_ = kNever;
    sleeps_ = interrupted_ = crowded_ = false;
  }
  // Nothing is there. True: look again. False: go to sleep.
  bool looks(Time now) {
    if (looked_ != kNever) lost(now - looked_);
    looked_ = now;
    return pays(now);
  }
  // The same for who looks many times between two calls, and notes what it lost by itself.
  bool pays(Time now) const { return now - since_ < (resting_ > 0 ? Duration::zero() : poll_); }
  // Between two looks something else ran for so long.
  void lost(Duration time) {
    interrupted_ = interrupted_ || time > kBetweenLooks;
    crowded_ = crowded_ || time > poll_;
  }
  void goes_to_sleep(Time now) {
    if (sleeps_) return;  // it was woken for nothing
    sleeps_ = true;
    since_ = now;
  }
  // Something came, and the wait begins anew.
  void worked(Time now) {
    if (looked_ != kNever && !sleeps_) lost(now - looked_);
    if (sleeps_ || crowded_) {
      came_after(crowded_ ? Duration::zero() : now - since_);
    } else if (now - since_ > kAtOnce && !interrupted_) {
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
  Time since_{};          // it looks, or sleeps
  Time looked_ = kNever;  // when it looked last
  bool sleeps_ = false;
  bool interrupted_ = false;  // it lost the processor since it began to look
  bool crowded_ = false;      // for longer than poll_
  int credit_ = kCreditMost;
  int resting_ = 0;
  int rest_ = kRestLeast;
};

}  // namespace homa::engine
