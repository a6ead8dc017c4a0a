#include "sim/queue_statistics.h"

namespace homa::sim {

std::string_view to_string(PortKind kind) {
  switch (kind) {
    case PortKind::kHostNic: return "host_nic";
    case PortKind::kLeafUp: return "leaf_up";
    case PortKind::kSpineDown: return "spine_down";
    case PortKind::kLeafDown: return "leaf_down";
  }
  return "?";
}

double QueueStatistics::mean_bytes() const {
  return total_ == 0 ? 0 : byte_time_ / static_cast<double>(total_);
}

std::uint64_t QueueStatistics::percentile_bytes(double share) const {
  std::int64_t left = static_cast<std::int64_t>(static_cast<double>(total_) * share);
  for (std::size_t bin = 0; bin < time_.size(); ++bin) {
    left -= time_[bin];
    if (left > 0) continue;
    // The first bin is mostly the empty queue.
    const std::uint64_t edge = bin == 0 ? 0 : (bin + 1) * kBinBytes;
    return std::min<std::uint64_t>(edge, max_);
  }
  return max_;
}

}  // namespace homa::sim
