// Sleeping on a wake word until a time of the engine's clock.
#pragma once

#include "base/time.h"
#include "channel/layout.h"

namespace homa::client {

// Until the word is woken, or `until`. One thread per word.
void sleep_until_woken(channel::WakeWord& word, Time until);

}  // namespace homa::client
