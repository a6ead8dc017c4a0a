#include "engine/defaults.h"

#include <algorithm>
#include <bit>

#include "core/incoming_budget.h"
#include "wire/header.h"

namespace homa::engine {
namespace {

constexpr std::uint64_t kGigabit = 1'000'000'000;
constexpr Duration kSoftwareRoundTrip{100'000};
constexpr std::uint64_t kFastestUnknown = 100 * kGigabit;  // what memory carries, or more
constexpr std::uint32_t kPayloadBytesMax = 65'000;

std::uint64_t bytes_in(Duration time, std::uint64_t bits_per_second) {
  return static_cast<std::uint64_t>(time.count()) * (bits_per_second / 1'000) / 8'000'000;
}

// The straight line through (x0, y0) and (x1, y1).
std::uint64_t between(std::uint64_t x, std::uint64_t x0, std::uint64_t y0, std::uint64_t x1,
                      std::uint64_t y1) {
  return y0 + (x - x0) * (y1 - y0) / (x1 - x0);
}

bool is_slow_link(const core::CoreConfig& config) {
  return config.link_bits_per_second != 0 && config.link_bits_per_second < 10 * kGigabit;
}

// Of a full one, on the link.
Duration packet_time(const core::CoreConfig& config) {
  const std::uint64_t bytes = std::uint64_t{config.payload_bytes_max} + wire::kDataHeaderBytes +
                              config.packet_overhead_bytes;
  return transmission_time(bytes, config.link_bits_per_second);
}

void set_slow_link(core::CoreConfig& config) {
  const std::uint64_t rate = config.link_bits_per_second;
  const Duration packet = packet_time(config);
  const std::uint64_t round_trip = bytes_in(kSoftwareRoundTrip + 4 * packet, rate);
  config.unscheduled_bytes =
      static_cast<std::uint32_t>(std::clamp<std::uint64_t>(round_trip, 20'000, 30'000));
  // Priorities keep what is granted ahead out of the way of short messages, so there may be enough
  // of it to fill the link while senders wait for their processors.
  config.max_incoming = 400'000;
  // What takes milliseconds to cross the link when all goes well is not lost after five, nor is its
  // peer dead after a hundred: what was granted to others passes first.
  const Duration drain = transmission_time(config.max_incoming, rate);
  const auto ticks = [&config](Duration time, std::uint32_t least) {
    return static_cast<std::uint32_t>(std::clamp<std::int64_t>(time / config.tick, least, 2'000));
  };
  config.resend_ticks = config.resend_interval = ticks(drain * 5 / 4, config.resend_ticks);
  config.timeout_ticks = ticks(120 * drain, config.timeout_ticks);
  // Every wake-up for a packet or a grant costs more than the packet: a few at a time.
  config.nic_backlog_max = std::clamp(5 * packet, Duration(5'000), Duration(400'000));
  config.grant_increment_min = config.max_incoming / 40;
}

void set_fast_link(core::CoreConfig& config, std::uint64_t rate) {
  const std::uint64_t gigabits = std::min<std::uint64_t>(rate / kGigabit, 400);
  config.nic_backlog_max = Duration(5'000);
  config.unscheduled_bytes = static_cast<std::uint32_t>(
      gigabits >= 25 ? 60'000 : between(gigabits, 10, 30'000, 25, 60'000));
  config.max_incoming = core::max_incoming_for(rate);
}

}  // namespace

core::CoreConfig defaults_for(const io::IoCapabilities& capabilities) {
  core::CoreConfig config;
  config.link_bits_per_second = capabilities.link_bits_per_second;
  config.packet_overhead_bytes = capabilities.overhead_bytes;
  // Kernels speak IP protocol 146 only. Over UDP, a peer without an identity is none of them.
  config.trust_kernel_peers = capabilities.carrier != io::Carrier::kUdp;
  constexpr auto kHeader = static_cast<std::uint32_t>(wire::kDataHeaderBytes);
  if (capabilities.packet_bytes_max > kHeader) {
    config.payload_bytes_max = std::min(capabilities.packet_bytes_max - kHeader, kPayloadBytesMax);
  }
  if (is_slow_link(config)) {
    set_slow_link(config);
  } else {
    set_fast_link(config, std::max(config.link_bits_per_second, 10 * kGigabit));
    if (config.link_bits_per_second == 0) {
      config.max_incoming_most = core::max_incoming_for(kFastestUnknown);
    }
  }
  return config;
}

std::uint32_t longest_message_for(std::uint64_t receive_bytes) {
  constexpr std::uint64_t kEvery = 1'000'000, kMost = 64 << 20;
  return static_cast<std::uint32_t>(std::clamp(std::bit_floor(receive_bytes / 16), kEvery, kMost));
}

Duration coalesce_for(const core::CoreConfig& config) {
  constexpr Duration kLongest{150'000};
  return is_slow_link(config) ? std::min(packet_time(config) * 5 / 2, kLongest) : Duration::zero();
}

}  // namespace homa::engine
