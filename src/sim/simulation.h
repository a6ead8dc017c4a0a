// One run: builds the network and its hosts, lets virtual time pass, reports.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "homa/error.h"
#include "homa/result.h"
#include "sim/config.h"
#include "sim/ledger.h"
#include "sim/slowdown.h"

namespace homa::sim {

struct QueueReport {
  PortKind kind = PortKind::kHostNic;
  std::uint32_t ports = 0;
  double mean_bytes = 0;
  std::uint64_t p99_bytes = 0;
  std::uint64_t max_bytes = 0;
};

struct QueueSample {
  double seconds = 0;
  std::array<Network::Occupancy, kPortKinds> kinds{};
};

struct Report {
  std::uint64_t measured = 0;    // messages measured that completed
  std::uint64_t unfinished = 0;  // measured ones that did not, within the time limit
  std::uint64_t failed = 0;
  bool stopped = false;  // `progress` ended the run early, so slow messages are missing
  SlowdownSummary all;
  SlowdownSummary short_half;
  double worst_p99 = 0;
  std::uint32_t worst_p99_bytes = 0;
  std::vector<SizeClass> sizes;
  double offered_load = 0;
  double sustained_load = 0;
  Backlog backlog;
  double goodput_bits_per_second = 0;  // per host
  double wasted_downlink = 0;
  double unscheduled_share = 0;
  LostTime lost_time;
  std::vector<QueueReport> queues;
  std::vector<QueueSample> queue_series;
  HomaCounters homa;
  std::uint64_t retransmitted = 0;  // packets, of any protocol
  NetworkCounters network;
  core::CoreConfig core;  // what the endpoints ran with
  std::uint64_t events = 0;
  double simulated_seconds = 0;
  std::vector<std::string> violations;
};

struct Progress {
  std::uint64_t ended = 0;     // messages, warm-up included
  std::uint64_t messages = 0;  // warm-up and measured ones, without those that follow
  std::uint64_t events = 0;
  double simulated_seconds = 0;
  std::uint64_t under_way = 0;
};

class Simulation {
 public:
  // kInvalidArgument: the text says what is wrong with the configuration.
  static Result<std::unique_ptr<Simulation>, Error> create(const SimConfig& config);
  ~Simulation();
  Simulation(const Simulation&) = delete;
  Simulation& operator=(const Simulation&) = delete;

  // Runs to the end, or until `progress` returns false. It is called about every million events.
  Report run(const std::function<bool(const Progress&)>& progress = {});

 private:
  class Impl;
  explicit Simulation(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace homa::sim
