#include "core/pacer.h"

#include <algorithm>

namespace homa::core {
namespace {
constexpr std::int64_t kDeviceQueueNanoseconds = 40'000;  // docs/protocol.md#pacing
constexpr Duration kDeviceRetry{5'000};
}  // namespace

Pacer::Pacer(const CoreConfig& config, std::uint64_t bits_per_second)
    : usage_percent_(config.max_link_usage_percent),
      overhead_bytes_(config.packet_overhead_bytes),
      device_bytes_set_(config.device_queue_bytes_max),
      device_bytes_least_(2 * (config.payload_bytes_max + config.packet_overhead_bytes)),
      backlog_max_(config.nic_backlog_max) {
  set_rate(bits_per_second);
}

void Pacer::set_rate(std::uint64_t bits_per_second) {
  bits_per_second_ = bits_per_second / 100 * usage_percent_;
  device_bytes_max_ = device_bytes_set_;
  if (device_bytes_max_ == 0) {
    device_bytes_max_ = std::max<std::uint64_t>(
        bits_per_second / 8 * kDeviceQueueNanoseconds / 1'000'000'000, device_bytes_least_);
  }
}

bool Pacer::may_send(Time now, const LinkFeedback& link) const {
  if (bits_per_second_ == 0) return true;
  if (idle_at_ > now + backlog_max_) return false;
  return !link.device_queue_bytes || *link.device_queue_bytes < device_bytes_max_;
}

void Pacer::charge(Time now, std::uint64_t bytes) {
  idle_at_ = std::max(idle_at_, now) + transmission_time(bytes + overhead_bytes_, bits_per_second_);
}

Time Pacer::next_chance(Time now) const {
  if (bits_per_second_ == 0) return now;
  const Time by_model = idle_at_ - backlog_max_;
  return by_model > now ? by_model : now + kDeviceRetry;
}

}  // namespace homa::core
