// Decides which messages begin when: open-loop Poisson arrivals between all hosts, with or without
// bursts of incast; a closed loop of RPCs from one client; or a recorded list.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "homa/error.h"
#include "homa/result.h"
#include "sim/packet.h"
#include "sim/random.h"
#include "sim/sim_time.h"
#include "sim/topology.h"
#include "sim/workload.h"

namespace homa::sim {

enum class TrafficPattern : std::uint8_t {
  kAllToAll,    // every host to every other, uniformly
  kClosedLoop,  // host 0 keeps `concurrency` RPCs outstanding, to the other hosts at random
  kReplay,      // as listed
};

struct ReplayEntry {
  SimTime time{};
  HostId source = 0;
  HostId destination = 0;
  std::uint32_t bytes = 0;
};
// Lines "seconds,source,destination,bytes", in order of time; '#' begins a comment.
Result<std::vector<ReplayEntry>, Error> parse_replay(std::string_view text, std::uint32_t hosts);

struct TrafficConfig {
  TrafficPattern pattern = TrafficPattern::kAllToAll;
  std::string workload = "w4";       // w1..w5 or a fixed size in bytes
  std::uint32_t bytes_max = 0;       // longer messages are cut to this; 0: full sizes
  double load = 0.8;                 // of each host's link, DATA headers included
  std::uint64_t messages = 100'000;  // that are measured
  double warm_up = 0.5;              // messages before the measured ones, as a share of them
  // False: the run ends when the last measured message begins. For loads that are not sustained.
  bool await_last = true;
  // False: one-way messages as in the paper. True: the server answers with response_bytes, or, if
  // that is 0, with as many bytes as the request had.
  bool request_response = false;
  std::uint32_t response_bytes = 0;
  SimTime service_time{0};  // the time that a server needs before it answers
  // Bursts: this share of `load` are incasts of incast_degree senders of incast_bytes each.
  double incast_share = 0;
  std::uint32_t incast_degree = 30;
  std::uint32_t incast_bytes = 500'000;
  std::uint32_t concurrency = 10;  // closed loop
  std::vector<ReplayEntry> replay;

  Result<void, Error> validate(const TopologyConfig& topology) const;
  Result<WorkloadDistribution, Error> distribution() const;
};

struct Arrival {
  SimTime time{};
  HostId source = 0;
  HostId destination = 0;
  std::uint32_t bytes = 0;
  bool incast = false;  // part of a burst, not measured
};

class Traffic {
 public:
  // The configuration is valid.
  Traffic(const TrafficConfig& config, const TopologyConfig& topology, const PacketShape& shape,
          std::uint64_t seed);

  // The next message, in order of time; false when there is none (yet: a closed loop waits for
  // completions).
  bool next(Arrival& arrival);
  // An RPC ended (closed loop).
  void on_completion(SimTime now);

  // How long the measured part and the warm-up take on average; zero where that is unknown.
  SimTime expected_duration() const;

 private:
  void next_poisson(Arrival& arrival);
  void next_burst();
  bool next_closed(Arrival& arrival);
  HostId other_than(HostId host);

  TrafficConfig config_;
  std::uint32_t hosts_;
  WorkloadDistribution workload_;
  Random random_;
  Random burst_random_;
  double mean_gap_ = 0;        // picoseconds between messages of the whole network
  double mean_burst_gap_ = 0;  // and between bursts
  SimTime clock_{0};
  SimTime burst_clock_{kSimNever};
  std::vector<Arrival> burst_;   // what is left of the current one
  std::vector<SimTime> closed_;  // when the closed loop may start its next RPCs
  std::size_t replayed_ = 0;
};

}  // namespace homa::sim
