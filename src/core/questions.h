// How many questions (RESEND, NEED_ACK) a peer may be asked. A host that has more to do than it can
// is silent about much; asking again for all of it would be what ends its work
// (docs/protocol.md#how-often-a-peer-is-asked). RPCs that must wait for their turn stand in line.
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/time.h"
#include "core/rpc_line.h"

namespace homa::core {

class Questions {
 public:
  // A packet came from the peer, and was not the copy of another.
  void heard() { credit_ = std::min(credit_ + 1, kCreditMax); }
  // May it be asked now?
  bool may_ask(Time now, Duration tick);
  // May it be asked now? If so, it was.
  bool ask(Time now, Duration tick);
  // It is as if nothing had been heard or asked. The line stays.
  void forget() {
    credit_ = kCreditMax;
    tick_began_ = Time{};
  }

  RpcLine line;         // who would ask and may not yet
  Rpc* turn = nullptr;  // whose turn it is, out of the line

 private:
  static constexpr std::uint32_t kCost = 4;                // packets heard per question
  static constexpr std::uint32_t kCreditMax = 64 * kCost;  // after a quiet time, or at first
  static constexpr std::uint32_t kLeast = 2 * kCost;       // in each tick, of those that are silent

  std::uint32_t credit_ = kCreditMax;
  Time tick_began_{};
};

}  // namespace homa::core
