// Sleeping and waking on a word of shared memory (futex), and on an eventfd.
#pragma once

#include <chrono>
#include <optional>

#include "channel/layout.h"
#include "homa/error.h"
#include "homa/result.h"

namespace homa::channel {

using SleepDeadline = std::optional<std::chrono::steady_clock::time_point>;

// Sleeps until wake(word), or `deadline`; returns at once when the word is 1. May also return early
// (a signal); the caller looks at the word, which is then 0 or 1. One thread per word.
void sleep_on(WakeWord& word, SleepDeadline deadline);
// Sets the word to 1 and wakes the thread that sleeps on it; no system call when none does.
void wake(WakeWord& word);

Result<int, Error> create_descriptor();  // an eventfd, the caller's to close
void signal_descriptor(int fd);          // makes an eventfd readable
bool clear_descriptor(int fd);           // and unreadable; whether it was readable; never blocks

}  // namespace homa::channel
