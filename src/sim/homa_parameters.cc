#include "sim/homa_parameters.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace homa::sim {
namespace {

constexpr std::uint32_t kNoLimit = 1U << 30;
constexpr std::uint32_t kTailRtts = 4;

// How the Homa paper split the eight priorities (docs/simulation.md#parameters): as many messages
// are granted at once as it left levels for. Its workloads are finer than our tables, whose shares
// would give other numbers for W2 and W3. Ours gives W4 and W5 a second level for unscheduled
// bytes: those of their longest messages need not meet the shortest ones.
struct PaperSplit {
  std::string_view workload;
  std::uint32_t unscheduled_levels;
  std::uint32_t overcommit;
};
constexpr PaperSplit kPaperSplits[] = {
    {"w1", 7, 1}, {"w2", 5, 3}, {"w3", 4, 4}, {"w4", 2, 7}, {"w5", 2, 7}};

const PaperSplit* paper_split(std::string_view workload) {
  for (const PaperSplit& split : kPaperSplits) {
    if (split.workload == workload) return &split;
  }
  return nullptr;
}

// What goes at unscheduled levels: so many bytes, as of a message that long.
struct Unscheduled {
  std::uint32_t length;
  double bytes;
};

// Of a message of the workload, on average; shortest first. A tail counts as shorter and shorter
// messages while it is granted.
std::vector<Unscheduled> unscheduled_parts(const WorkloadDistribution& workload,
                                           const core::CoreConfig& core) {
  constexpr std::uint32_t kTailParts = 16;
  std::vector<Unscheduled> parts;
  for (std::size_t i = 0; i < workload.steps().size(); ++i) {
    const std::uint32_t length = workload.steps()[i].bytes;
    const std::uint32_t unasked = std::min(length, core.unscheduled_bytes);
    parts.push_back({length, workload.probability(i) * unasked});
    const std::uint32_t tail = std::min(length - unasked, core.grant_tail_bytes);
    if (tail == 0) continue;
    for (std::uint32_t part = 1; part <= kTailParts; ++part) {
      parts.push_back({tail / kTailParts * part, workload.probability(i) * tail / kTailParts});
    }
  }
  std::stable_sort(parts.begin(), parts.end(),
                   [](const Unscheduled& a, const Unscheduled& b) { return a.length < b.length; });
  return parts;
}

// cutoffs[p]: the longest message whose unscheduled bytes may use priority p. Levels from 7
// downward, `levels` of them; each carries an equal share of the unscheduled bytes.
std::array<std::uint32_t, kPriorities> equal_cutoffs(const WorkloadDistribution& workload,
                                                     const core::CoreConfig& core,
                                                     std::uint32_t levels) {
  std::array<std::uint32_t, kPriorities> cutoffs{};
  const std::vector<Unscheduled> parts = unscheduled_parts(workload, core);
  double total = 0;
  for (const Unscheduled& part : parts) total += part.bytes;
  double sum = 0;
  std::size_t level = kPriorities - 1;
  const std::size_t lowest = kPriorities - levels;
  for (const Unscheduled& part : parts) {
    if (level == lowest) break;
    sum += part.bytes;
    while (level > lowest && sum >= total * static_cast<double>(kPriorities - level) / levels) {
      cutoffs[level--] = part.length;
    }
  }
  while (level > lowest) cutoffs[level--] = workload.largest_bytes();
  cutoffs[lowest] = 0xffffffff;
  return cutoffs;
}

}  // namespace

double unscheduled_share(const WorkloadDistribution& workload, std::uint32_t unscheduled_bytes) {
  double sum = 0;
  for (std::size_t i = 0; i < workload.steps().size(); ++i) {
    sum += workload.probability(i) * std::min(workload.steps()[i].bytes, unscheduled_bytes);
  }
  return sum / workload.mean_bytes();
}

core::CoreConfig derive(const HomaConfig& config, const TopologyConfig& topology,
                        const WorkloadDistribution& workload) {
  core::CoreConfig core = config.core;
  core.link_bits_per_second = topology.host_bits_per_second;
  // A NIC that asks needs no model of the link; receivers still judge silence by its rate.
  if (!config.paced) core.nic_backlog_max = std::chrono::seconds(1);
  core.packet_overhead_bytes = topology.packet_overhead_bytes;
  core.receive_region_bytes = 0;
  core.message_bytes_max = std::max(core.message_bytes_max, workload.largest_bytes());
  if (!config.derived) return core;
  core.peers_max = topology.hosts;  // all that there can be: a small table is a fast one
  // Such a NIC need not let short messages pass the others: SRPT among all is exact.
  if (!config.paced) core.defer_bytes_min = 1;

  const double scale = static_cast<double>(topology.host_bits_per_second) / 1e10;
  const std::uint32_t rtt_bytes = config.rtt_bytes > 0
                                      ? config.rtt_bytes
                                      : static_cast<std::uint32_t>(std::lround(10'000 * scale));
  core.unscheduled_bytes = config.unscheduled_bytes > 0
                               ? config.unscheduled_bytes
                               : static_cast<std::uint32_t>(std::lround(0.9328 * rtt_bytes));
  core.grant_increment_min = std::max(1U, config.grant_packets * core.payload_bytes_max);
  // What grants wait for each other is on top, or the link would fall idle between two of them.
  core.window = rtt_bytes + core.grant_increment_min - 1;
  core.fifo_grant_increment = rtt_bytes;
  core.max_incoming = config.max_incoming > 0 ? config.max_incoming : kNoLimit;
  core.grant_fifo_per_mille = config.grant_fifo_per_mille;
  core.grant_tail_bytes = config.grant_tail_bytes;
  if (config.grant_tail_bytes == HomaConfig::kTailByWorkload) {
    core.grant_tail_bytes =
        workload.median_bytes() > core.unscheduled_bytes ? kTailRtts * rtt_bytes : 0;
  }
  core.pacer_fifo_per_mille = config.pacer_fifo_per_mille;

  const std::uint32_t levels = core.priorities;
  const PaperSplit* split = levels == kPriorities ? paper_split(workload.name()) : nullptr;
  std::uint32_t unscheduled_levels = config.unscheduled_levels;
  if (unscheduled_levels == 0 && split != nullptr) unscheduled_levels = split->unscheduled_levels;
  if (unscheduled_levels == 0) {
    const double share = unscheduled_share(workload, core.unscheduled_bytes);
    unscheduled_levels = static_cast<std::uint32_t>(std::lround(levels * share));
  }
  // At least one level for each kind, while there are two.
  unscheduled_levels = std::clamp(unscheduled_levels, 1U, std::max(levels - 1U, 1U));
  core.overcommit = config.overcommit;
  if (core.overcommit == 0 && split != nullptr) core.overcommit = split->overcommit;
  if (core.overcommit == 0) core.overcommit = std::max(levels - unscheduled_levels, 1U);
  core.cutoffs = equal_cutoffs(workload, core, unscheduled_levels);
  return core;
}

}  // namespace homa::sim
