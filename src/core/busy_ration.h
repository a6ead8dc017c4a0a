// How many BUSY packets a peer gets. A few in each tick go at once, whatever they are about. Beyond
// them, an RPC has one so often that its client does not give it up
// (docs/protocol.md#what-a-resend-asks-for).
#pragma once

#include <cstdint>

#include "base/time.h"
#include "core/config.h"

namespace homa::core {

class BusyRation {
 public:
  static constexpr std::uint32_t kPerTick = 4;
  static constexpr std::uint32_t kPerTimeout = 4;  // about one RPC, beyond those

  // May one be sent about an RPC now? If so, it was. `last`: when one was sent about it last.
  bool take(Time now, Time& last, const CoreConfig& config) {
    if (now - tick_began_ >= config.tick) {
      tick_began_ = now;
      left_ = kPerTick;
    }
    if (left_ > 0) {
      --left_;
    } else if (now - last < config.tick * config.timeout_ticks / kPerTimeout) {
      return false;
    }
    last = now;
    return true;
  }

 private:
  Time tick_began_{};
  std::uint32_t left_ = kPerTick;
};

}  // namespace homa::core
