#include "client/sleeping.h"

#include "channel/wake.h"
#include "engine/engine.h"

namespace homa::client {

void sleep_until_woken(channel::WakeWord& word, Time until) {
  channel::SleepDeadline deadline;
  if (until != kNever) {
    deadline = std::chrono::steady_clock::time_point(until.time_since_epoch());
  }
  while (word.load(std::memory_order_acquire) == 0 && engine::clock_now() < until) {
    channel::sleep_on(word, deadline);
  }
}

}  // namespace homa::client
