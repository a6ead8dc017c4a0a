// What channels ask of the kernel to sleep and wake. Tests that explore schedules put their own in
// its place (tests/schedule).
#pragma once

#include <cstdint>

#include "channel/layout.h"
#include "channel/wake.h"

namespace homa::channel {

// Sleeps while the word is `value`, until futex_wake() or `deadline`. May return early.
void futex_wait(WakeWord& word, std::uint32_t value, SleepDeadline deadline);
// Wakes the thread that sleeps on the word.
void futex_wake(WakeWord& word);

}  // namespace homa::channel
