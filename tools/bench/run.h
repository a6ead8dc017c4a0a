// One benchmark run: a process per host in its namespace, started together, watched, collected.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <variant>
#include <vector>

#include "tools/bench/config.h"
#include "tools/bench/generator.h"
#include "tools/bench/shared.h"

namespace homa::tools {

struct BenchRun {
  std::vector<BenchSample> samples;  // of the measured time, all hosts
  // Where each host's samples end among them. A host's are in the order in which its RPCs ended.
  std::vector<std::size_t> host_ends;
  std::uint64_t rpcs_started = 0, rpcs_finished = 0, rpcs_failed = 0;
  std::uint64_t unfinished = 0;  // measured RPCs that did not end in time
  std::uint64_t corrupt = 0;
  std::uint64_t samples_dropped = 0;
  std::uint64_t retransmissions = 0;
  double measured_seconds = 0;
  double goodput_bits_per_second = 0;  // payload of finished RPCs, all hosts, in the measured time
  double cpu_seconds = 0;              // of the host processes in the measured time
  double machine_cpu_seconds = 0;      // of all that ran: the kernel books some work elsewhere
  double machine_busy = 0;             // share of all CPUs' time that was not idle, 0..1
  // Payload bytes under way grew by this share of the payload that arrived: 0 when it is sustained.
  double backlog_growth = 0;
  bool sustained = true;
  bool cpu_limited = false;
  // The hosts could not do with the processors that the lab's network left them, and got all.
  bool gave_network_cpu = false;
  std::uint64_t resident_early = 0,
                resident_late = 0;                // bytes per host, after 1,000 RPCs and at the end
  std::string transport;                          // in words
  std::map<std::string, std::uint64_t> counters;  // of all hosts, from start to end
};

// Told a few times a second how far the run is, 0..1, and what is under way.
struct BenchProgress {
  double done = 0;
  std::uint64_t rpcs_finished = 0;
  std::uint64_t bytes_under_way = 0;
  Nanoseconds left{0};
};
using OnProgress = std::function<void(const BenchProgress&)>;

using BenchTask = std::variant<BenchLoad, UnloadedPlan>;

// kCancelled when StopGuard saw a signal; kSystem when a host process failed, with its reason.
// In every case all processes it started are gone when it returns.
Result<BenchRun, Error> run_bench(const BenchSetup& setup, const BenchProtocol& protocol,
                                  const BenchTask& task, const OnProgress& on_progress);

}  // namespace homa::tools
