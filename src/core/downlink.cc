#include "core/downlink.h"

#include <algorithm>

namespace homa::core {
namespace {
// A link counts as busy from this share of its rate on: links do not reach their name's rate, and
// other protocols use them too.
constexpr std::uint64_t kBusyPercent = 90;
// Packets are seen in batches, so that only a longer pause shows the link idle: a tick, or on slow
// links the time of so many packets.
constexpr int kPackets = 4;
}  // namespace

Downlink::Downlink(const CoreConfig& config)
    : bits_per_second_(config.link_bits_per_second / 100 * kBusyPercent),
      overhead_bytes_(config.packet_overhead_bytes),
      slack_(std::max(config.tick,
                      kPackets * transmission_time(config.payload_bytes_max + overhead_bytes_,
                                                   bits_per_second_))) {}

// A backlog of this model is worth no more than slack_: what came in a burst came at once.
void Downlink::occupy(Time now, std::uint64_t bytes) {
  if (now > busy_until_ + slack_) {
    last_idle_ = now;
    busy_until_ = now;
  }
  busy_until_ += transmission_time(bytes + overhead_bytes_, bits_per_second_);
  busy_until_ = std::min(busy_until_, now + slack_);
}

bool Downlink::idle_since(Time now, Time since) const {
  return bits_per_second_ == 0 || now > busy_until_ + slack_ || last_idle_ >= since;
}

}  // namespace homa::core
