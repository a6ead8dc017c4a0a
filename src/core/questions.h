// How many questions (RESEND, NEED_ACK) a peer may be asked. A host that has more to do than it can
// is silent about much; asking again for all of it would be what ends its work
// (docs/protocol.md#loss).
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/time.h"

namespace homa::core {

class Questions {
 public:
  // A packet came from the peer.
  void heard() { credit_ = std::min(credit_ + 1, kCreditMax); }
  // May it be asked now? If so, it was.
  bool ask(Time now, Duration tick);

 private:
  static constexpr std::uint32_t kCost = 4;                // packets heard per question
  static constexpr std::uint32_t kCreditMax = 64 * kCost;  // after a quiet time, or at first
  static constexpr std::uint32_t kLeast = 2 * kCost;       // in each tick, of those that are silent

  std::uint32_t credit_ = kCreditMax;
  Time tick_began_{};
};

}  // namespace homa::core
