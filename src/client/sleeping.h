// Waiting until a time of the engine's clock: asleep on a wake word, or looking at a ring.
#pragma once

#include "base/time.h"
#include "channel/layout.h"
#include "client/engine_link.h"

namespace homa::client {

// Until the word is woken, or `until`. One thread per word.
void sleep_until_woken(channel::WakeWord& word, Time until);
// Until the watch is ready, or `until`, while another thread or process runs the engine. Returns
// the longest time in which something else had the processor.
Duration look_until_ready(const Watch& watch, Time until);

}  // namespace homa::client
