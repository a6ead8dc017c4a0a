// How the simulator sets up Homa's endpoints: from the network and the workload, as the Homa
// paper's experiments do, or as given.
#pragma once

#include <cstdint>

#include "core/config.h"
#include "sim/topology.h"
#include "sim/workload.h"

namespace homa::sim {

struct HomaConfig {
  // Where derive() sets nothing, and throughout if `derived` is false, this holds.
  core::CoreConfig core;
  bool derived = true;
  // What is outstanding per granted message: 0: 10,000 bytes for each 10 Gbit/s of a host's link.
  std::uint32_t rtt_bytes = 0;
  std::uint32_t unscheduled_bytes = 0;  // 0: 9,328 of each 10,000 RTT bytes
  std::uint32_t overcommit = 0;         // 0: as many as there are scheduled priorities
  // Bytes granted or unscheduled and not yet received, over all messages; 0: no limit.
  std::uint32_t max_incoming = 0;
  std::uint32_t unscheduled_levels = 0;  // priorities for unscheduled bytes; 0: by their share
  std::uint32_t grant_packets = 2;       // a GRANT for so many full packets; the paper's: for each
  // The last bytes of a message go at unscheduled levels (CoreConfig::grant_tail_bytes). By
  // workload: four times the RTT bytes if the shorter half of the messages needs grants, else none.
  static constexpr std::uint32_t kTailByWorkload = 0xffffffff;
  std::uint32_t grant_tail_bytes = kTailByWorkload;
  // Shares of granted and of sent bytes for the oldest message; the paper's simulator has none.
  std::uint32_t grant_fifo_per_mille = 50;
  std::uint32_t pacer_fifo_per_mille = 0;
  // True: the endpoint paces by its link model into a NIC that is a FIFO. False: the NIC asks for
  // the next packet when it is free, as the paper's simulator does.
  bool paced = false;
};

// The configuration of every endpoint: unscheduled bytes, window and overcommitment from the
// network, priorities split by the workload's share of unscheduled bytes, cutoffs that give each
// unscheduled level equal bytes; no limit on incoming bytes beyond the windows (the paper's
// simulator has none either). Memory is unlimited.
core::CoreConfig derive(const HomaConfig& config, const TopologyConfig& topology,
                        const WorkloadDistribution& workload);

// Share of the workload's bytes that go without grants.
double unscheduled_share(const WorkloadDistribution& workload, std::uint32_t unscheduled_bytes);

}  // namespace homa::sim
