// How much may be in the NIC: what is queued there can no longer be overtaken by a shorter message
// (docs/protocol.md#pacing). A model of the link says when it will be idle; the device's own
// report, where the back end has one, catches links that are slower than their name.
#pragma once

#include <cstdint>

#include "base/time.h"
#include "core/config.h"
#include "core/packets.h"

namespace homa::core {

class Pacer {
 public:
  // bits_per_second: of the link; 0: no limit.
  Pacer(const CoreConfig& config, std::uint64_t bits_per_second);

  // The link has another rate from now on.
  void set_rate(std::uint64_t bits_per_second);

  std::uint64_t bits_per_second() const { return bits_per_second_; }  // 0: no limit

  // May a paced packet go now?
  bool may_send(Time now, const LinkFeedback& link) const;
  // A packet of `bytes` (Homa header and payload) goes now, paced or not.
  void charge(Time now, std::uint64_t bytes);
  // When may_send() turns true by the model alone; when the device holds it back, a little later.
  Time next_chance(Time now) const;

 private:
  std::uint64_t bits_per_second_ = 0;  // that may be used; 0: no limit
  std::uint64_t usage_percent_;
  std::uint64_t overhead_bytes_;
  std::uint64_t device_bytes_max_ = 0;
  std::uint64_t device_bytes_set_;  // 0: device_bytes_max_ follows the rate
  std::uint64_t device_bytes_least_;
  Duration backlog_max_;
  Time idle_at_{};
};

}  // namespace homa::core
