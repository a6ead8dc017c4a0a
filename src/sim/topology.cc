#include "sim/topology.h"

#include <algorithm>
#include <utility>

#include "base/failure.h"
#include "wire/header.h"

namespace homa::sim {
namespace {

Unexpected<Error> refused(std::string text) {
  return failure(ErrorCode::kInvalidArgument, "topology: " + std::move(text));
}

}  // namespace

Result<void, Error> TopologyConfig::validate() const {
  constexpr std::uint64_t kSlowest = 1'000'000;
  constexpr std::uint64_t kFastest = 1'000'000'000'000;
  if (hosts < 2 || hosts > 16384) return refused("hosts must be 2..16384");
  if (racks < 1 || hosts % racks != 0) return refused("racks must divide hosts");
  if (kind == TopologyKind::kSingleSwitch && racks != 1) {
    return refused("a single switch has one rack");
  }
  if (spines < 1 || spines > 64) return refused("spines must be 1..64");
  if (host_bits_per_second < kSlowest || host_bits_per_second > kFastest ||
      spine_bits_per_second < kSlowest || spine_bits_per_second > kFastest) {
    return refused("rates must be from 1 Mbit/s to 1 Tbit/s");
  }
  for (const SimTime delay : {propagation, switch_delay, host_send_delay, host_receive_delay}) {
    if (delay < SimTime::zero() || delay > std::chrono::seconds(1)) {
      return refused("delays must be from 0 to 1 s");
    }
  }
  if (packet_overhead_bytes > 1000) return refused("packet_overhead_bytes must be 0..1000");
  return {};
}

BestTime::BestTime(const TopologyConfig& topology, const PacketShape& shape)
    : topology_(topology), shape_(shape) {}

SimTime BestTime::operator()(std::uint32_t bytes, bool same_rack) {
  const std::uint64_t key = std::uint64_t{bytes} * 2 + (same_rack ? 1 : 0);
  const auto [found, fresh] = known_.try_emplace(key);
  if (fresh) found->second = compute(bytes, same_rack);
  return found->second;
}

SimTime BestTime::compute(std::uint32_t bytes, bool same_rack) const {
  const LinkRate host_rate(topology_.host_bits_per_second);
  const LinkRate spine_rate(topology_.spine_bits_per_second);
  const SimTime hop = topology_.propagation + topology_.switch_delay;
  // When each link is free again: the source's, each leaf-spine-leaf path's two.
  SimTime source_free{0};
  std::vector<SimTime> up_free(topology_.spines, SimTime::zero());
  std::vector<SimTime> down_free(topology_.spines, SimTime::zero());
  // When each packet is at the last leaf, and how long the last link takes for it.
  std::vector<std::pair<SimTime, SimTime>> arrivals;
  for (std::uint64_t left = bytes; left > 0;) {
    const auto payload =
        static_cast<std::uint32_t>(std::min<std::uint64_t>(left, shape_.payload_bytes_max));
    left -= payload;
    const std::uint32_t wire_bytes = payload + shape_.overhead_bytes;
    source_free += host_rate.time_for(wire_bytes);
    SimTime at_last_leaf = source_free + topology_.host_send_delay + hop;
    if (!same_rack) {
      const auto path = static_cast<std::size_t>(std::min_element(up_free.begin(), up_free.end()) -
                                                 up_free.begin());
      up_free[path] = std::max(up_free[path], at_last_leaf) + spine_rate.time_for(wire_bytes);
      down_free[path] =
          std::max(down_free[path], up_free[path] + hop) + spine_rate.time_for(wire_bytes);
      at_last_leaf = down_free[path] + hop;
    }
    arrivals.emplace_back(at_last_leaf, host_rate.time_for(wire_bytes));
  }
  // A short last packet may overtake a long one over another spine.
  std::sort(arrivals.begin(), arrivals.end());
  SimTime done{0};
  for (const auto& [arrival, duration] : arrivals) done = std::max(done, arrival) + duration;
  return done + topology_.propagation + topology_.host_receive_delay;
}

SimTime round_trip(const TopologyConfig& topology, const PacketShape& shape) {
  const bool same_rack = topology.spine_count() == 0;
  PacketShape grant = shape;
  grant.overhead_bytes =
      topology.packet_overhead_bytes + static_cast<std::uint32_t>(wire::kGrantBytes) - 1;
  return BestTime(topology, shape)(shape.payload_bytes_max, same_rack) +
         BestTime(topology, grant)(1, same_rack);
}

}  // namespace homa::sim
