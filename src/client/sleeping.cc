#include "client/sleeping.h"

#include <algorithm>

#include "base/relax.h"
#include "channel/wake.h"
#include "engine/engine.h"

namespace homa::client {
namespace {

constexpr std::uint32_t kLooksPerClock = 32;  // at the ring, between two at the clock

}  // namespace

void sleep_until_woken(channel::WakeWord& word, Time until) {
  channel::SleepDeadline deadline;
  if (until != kNever) {
    deadline = std::chrono::steady_clock::time_point(until.time_since_epoch());
  }
  while (word.load(std::memory_order_acquire) == 0 && engine::clock_now() < until) {
    channel::sleep_on(word, deadline);
  }
}

Duration look_until_ready(const Watch& watch, Time until) {
  Duration lost{0};
  Time before = kNever;
  for (std::uint32_t looks = 1; !watch.ready(); ++looks) {
    if (looks % kLooksPerClock == 0) {
      const Time now = engine::clock_now();
      if (before != kNever) lost = std::max(lost, now - before);
      before = now;
      if (now >= until) break;
      channel::yield();  // the engine may need this very core to get our message
    }
    base::relax();
  }
  if (before != kNever) lost = std::max(lost, engine::clock_now() - before);
  return lost;
}

}  // namespace homa::client
