#include "channel/doorbell.h"

#include "channel/wake.h"

namespace homa::channel {

void wake_engine(const EngineState& engine, Doorbell& doorbell, int wake_fd) {
  const std::uint64_t sleep = engine.sleep.load(std::memory_order_seq_cst);
  if ((sleep & 1) == 0) return;
  // One write for each sleep, whoever comes first.
  if (doorbell.ended_sleep.exchange(sleep, std::memory_order_seq_cst) == sleep) return;
  signal_descriptor(wake_fd);
}

}  // namespace homa::channel
