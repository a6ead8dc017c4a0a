#include "channel/wake.h"

#include "channel/kernel.h"

namespace homa::channel {
namespace {

constexpr std::uint32_t kAsleep = 2;  // the word's thread is in the kernel, or about to be

}  // namespace

void sleep_on(WakeWord& word, SleepDeadline deadline) {
  std::uint32_t seen = 0;
  if (!word.compare_exchange_strong(seen, kAsleep) && seen != kAsleep) return;
  futex_wait(word, kAsleep, deadline);
  seen = kAsleep;
  word.compare_exchange_strong(seen, 0);
}

void wake(WakeWord& word) {
  if (word.exchange(1, std::memory_order_seq_cst) == kAsleep) {
    futex_wake(word);
  }
}

}  // namespace homa::channel
