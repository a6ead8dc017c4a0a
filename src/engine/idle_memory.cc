#include "engine/idle_memory.h"

namespace homa::engine {

void IdleMemory::step(Time now, std::uint64_t bytes_received, core::Endpoint& endpoint,
                      const base::Mapping& memory) {
  if (!in_pass_) {
    endpoint.begin_memory_pass(core::kDefaultAccount);
    seen_ = bytes_received;
    in_pass_ = true;
    settled_ = false;
  }
  const core::UnusedMemory found = endpoint.memory_pass_step(core::kDefaultAccount, kBytesAtOnce);
  if (found.bytes > 0) memory.discard(raw(found.begin), found.bytes);
  if (!found.pass_over) return;
  in_pass_ = false;
  settled_ = found.settled;
  next_ = now + kBetweenPasses;
}

}  // namespace homa::engine
