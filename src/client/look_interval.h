// When the library's thread looks next whether the application still drives the engine.
//
// A look wakes a thread, which costs tens of microseconds on a busy machine. So the looks of a busy
// application become rare; once a look finds that nobody drives, the next one follows soon.
#pragma once

#include <algorithm>

#include "base/time.h"

namespace homa::client {

class LookInterval {
 public:
  // Looks are so many times `takeover` apart at most.
  static constexpr int kLongest = 4;

  explicit LookInterval(Duration takeover) : takeover_(takeover), busy_(takeover) {}

  // `prompt`: the application may wait where it does not drive, so that it depends on the looks.
  Duration next(bool prompt) const { return prompt || doubtful_ ? takeover_ : busy_; }

  // A look found that the application drives, or has driven since the last look. `nobody`: nobody
  // does just now.
  void looked(bool nobody) {
    // The second of two such looks in a row has shown that the application came back in between.
    doubtful_ = nobody && !doubtful_;
    if (!doubtful_) busy_ = std::min(busy_ * 2, takeover_ * kLongest);
  }

 private:
  const Duration takeover_;
  Duration busy_;          // between two looks at an application that drives
  bool doubtful_ = false;  // nobody drove at the last look
};

}  // namespace homa::client
