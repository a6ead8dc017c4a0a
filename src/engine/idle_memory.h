// Gives the pages of receive memory that nobody uses back to the system: after a burst, a host does
// not keep what the burst needed (docs/operating.md#memory). While the engine has something to do,
// nothing happens here; before it sleeps, it gives back a bounded part at a time.
#pragma once

#include <cstdint>

#include "base/mapping.h"
#include "base/time.h"
#include "core/endpoint.h"

namespace homa::engine {

class IdleMemory {
 public:
  // Between two passes. What was free from one to the next is given back.
  static constexpr Duration kBetweenPasses{1'000'000'000};
  // At a time: the system takes about 0.1 ms for it, and packets wait so long.
  static constexpr std::uint64_t kBytesAtOnce = 1 << 20;

  // When step() is due. `bytes_received`: since the host began. kNever: all was given back, and
  // nothing has come since.
  Time due(std::uint64_t bytes_received) const {
    return settled_ && bytes_received == seen_ ? kNever : next_;
  }
  void step(Time now, std::uint64_t bytes_received, core::Endpoint& endpoint,
            const base::Mapping& memory);

 private:
  Time next_{};
  std::uint64_t seen_ = 0;  // bytes received when the pass began
  bool in_pass_ = false;
  bool settled_ = true;
};

}  // namespace homa::engine
