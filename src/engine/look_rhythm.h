// When an engine looks for packets while its link is busy: at intervals instead of whenever one
// arrives. On a slow link a wake-up costs more than a packet, and a look right after another one
// finds nothing.
#pragma once

#include "base/time.h"

namespace homa::engine {

class LookRhythm {
 public:
  // 0: there is no rhythm, and every look is due.
  explicit LookRhythm(Duration interval) : interval_(interval) {}

  bool exists() const { return interval_ > Duration::zero(); }
  // Whether a look at `now` may find something.
  bool due(Time now) const { return more_ || now - last_ >= interval_ / 4; }
  // There was a look at `now`. `more`: it did not take all that was there.
  void looked(Time now, bool more) {
    last_ = now;
    more_ = more;
  }
  // When an engine that sleeps is to look next. Somebody who waits for the answer to a short
  // request waits half as long.
  Time next(bool awaits_short) const { return last_ + interval_ / (awaits_short ? 2 : 1); }

 private:
  Duration interval_;
  Time last_{};
  bool more_ = false;
};

}  // namespace homa::engine
