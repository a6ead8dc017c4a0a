// How long the queues of one kind of port are: mean, percentiles and maximum over all of them,
// weighted by time.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "sim/sim_time.h"

namespace homa::sim {

enum class PortKind : std::uint8_t { kHostNic, kLeafUp, kSpineDown, kLeafDown };
inline constexpr std::size_t kPortKinds = 4;
std::string_view to_string(PortKind kind);

class QueueStatistics {
 public:
  // A queue held `bytes` for `duration`.
  void add(std::uint64_t bytes, SimTime duration) {
    const auto bin = std::min<std::uint64_t>(bytes / kBinBytes, kBins - 1);
    time_[static_cast<std::size_t>(bin)] += duration.count();
    total_ += duration.count();
    byte_time_ += static_cast<double>(bytes) * static_cast<double>(duration.count());
    max_ = std::max(max_, bytes);
  }
  void clear() { *this = QueueStatistics(); }

  double mean_bytes() const;
  // The queue was no longer than this for `share` of the time. Rounded up to a whole bin, at most
  // the maximum.
  std::uint64_t percentile_bytes(double share) const;
  std::uint64_t max_bytes() const { return max_; }

 private:
  static constexpr std::uint64_t kBinBytes = 256;
  static constexpr std::uint64_t kBins = 16384;  // 4 MiB; longer queues count as the last bin

  std::vector<std::int64_t> time_ = std::vector<std::int64_t>(kBins);  // picoseconds
  std::int64_t total_ = 0;
  double byte_time_ = 0;
  std::uint64_t max_ = 0;
};

}  // namespace homa::sim
