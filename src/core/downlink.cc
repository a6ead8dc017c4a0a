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

// A host that did not run for a while finds many packets at once. The time that the link needed for
// all of them belongs to the pause before, so the pause is judged when the burst has been heard. A
// backlog of this model is worth no more than slack_: what came in a burst came at once.
void Downlink::occupy(Time now, std::uint64_t bytes) {
  if (now - burst_ > slack_) {
    before_ = judged();
    busy_until_ = before_.busy_until;
    burst_ = now;
  }
  latest_ = now;
  busy_until_ += transmission_time(bytes + overhead_bytes_, bits_per_second_);
}

Downlink::State Downlink::judged() const {
  const Time latest_end = latest_ + slack_;
  const Time busy_until = std::min(busy_until_, latest_end);
  if (latest_ <= busy_until + slack_) return {busy_until, before_.last_idle};
  return {std::min(burst_ + (busy_until_ - before_.busy_until), latest_end), burst_};
}

bool Downlink::idle_since(Time now, Time since) const {
  if (bits_per_second_ == 0) return true;
  const State state = judged();
  return now > state.busy_until + slack_ || state.last_idle >= since;
}

}  // namespace homa::core
