// Whether packets for us may be waiting in the network. The last link on their way is ours, and a
// switch that holds something for it keeps it busy: once the link was seen idle, whatever had
// reached the switch before has arrived, or is lost (docs/protocol.md#loss).
#pragma once

#include <cstdint>

#include "base/time.h"
#include "core/config.h"

namespace homa::core {

class Downlink {
 public:
  explicit Downlink(const CoreConfig& config);

  // A packet of `bytes` (Homa header and payload) arrived.
  void received(Time now, std::uint64_t bytes) {
    if (bits_per_second_ != 0) occupy(now, bytes);
  }
  // Was the link idle at some time from `since` on? True for a link of unknown rate.
  bool idle_since(Time now, Time since) const;

 private:
  void occupy(Time now, std::uint64_t bytes);

  std::uint64_t bits_per_second_;  // 0: unknown
  std::uint64_t overhead_bytes_;
  Duration slack_;
  Time busy_until_{};  // what has arrived kept the link busy until then
  Time last_idle_{};
};

}  // namespace homa::core
