// When a call that was given a time limit gives up.
#pragma once

#include <chrono>

#include "base/time.h"
#include "homa/socket.h"

namespace homa::client {

// kNever without a limit, and for limits that are as good as none.
inline Time deadline_after(Time start, Timeout timeout) {
  constexpr std::chrono::hours kForever{24 * 365 * 100};
  if (!timeout || *timeout > kForever) return kNever;
  return start + *timeout;
}

}  // namespace homa::client
