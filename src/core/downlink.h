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
  struct State {
    Time busy_until{};  // what has arrived kept the link busy until then
    Time last_idle{};
  };

  void occupy(Time now, std::uint64_t bytes);
  // The state after the last burst. If the burst does not explain all the time before it, the link
  // was idle until it began.
  State judged() const;

  std::uint64_t bits_per_second_;  // 0: unknown
  std::uint64_t overhead_bytes_;
  Duration slack_;
  State before_;       // before the last burst
  Time burst_{};       // what has arrived since then is one burst
  Time latest_{};      // when its last packet arrived
  Time busy_until_{};  // if the burst explains all the time before it
};

}  // namespace homa::core
