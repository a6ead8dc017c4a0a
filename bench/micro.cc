// bench_micro: RPCs per second of one thread that runs both sides of the protocol over memory.
//
//   bench_micro [--bytes N] [--outstanding N] [--peers N] [--seconds S]   one case
//   bench_micro                                                           the table of cases
//   bench_micro --rpcs N ...    exactly N RPCs after as many for warming up, for callgrind:
//                               bench/instructions counts instructions per RPC with it
#include <time.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdint>
#include <vector>

#include "memory_pair.h"
#include "report.h"

namespace homa::bench {
namespace {

double cpu_seconds() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

struct Options {
  std::vector<std::uint32_t> bytes = {32, 1'000, 10'000, 100'000, 1'000'000};
  std::vector<std::uint32_t> outstanding = {1, 100, 10'000};
  std::vector<std::uint32_t> peers = {1, 1'000};
  double seconds = 0.5;
  std::uint64_t rpcs = 0;
};

// A whole region's worth of messages in progress has no meaning, and no room.
bool reasonable(const MemoryPairConfig& config) {
  return std::uint64_t{config.message_bytes} * config.outstanding <= 400'000'000;
}

int run_count(MemoryPair& pair, std::uint64_t rpcs) { return pair.run(rpcs) ? 0 : 1; }

int measure(const MemoryPairConfig& config, const Options& options) {
  MemoryPair pair(config);
  // Warm up until every pool has its size.
  const std::uint64_t warm = std::max<std::uint64_t>(config.outstanding * 3, 1'000) *
                             (config.message_bytes > 50'000 ? 1 : 3);
  if (options.rpcs > 0) return run_count(pair, options.rpcs);
  if (!pair.run(warm)) return 1;
  // Windows of some ms each, on the thread's own clock: other programs then cost cache lines only.
  const std::uint64_t window = std::max<std::uint64_t>(
      config.outstanding, 20'000'000 / (2'000 + config.message_bytes * 2) + 1);
  std::vector<double> rates;
  std::uint64_t done = 0;
  const std::uint64_t packets_before = pair.packets();
  double total = 0;
  while (total < options.seconds) {
    const double start = cpu_seconds();
    if (!pair.run(window)) return 1;
    const double took = cpu_seconds() - start;
    rates.push_back(static_cast<double>(window) / took);
    total += took;
    done += window;
  }
  const std::uint64_t packets = pair.packets() - packets_before;
  std::sort(rates.begin(), rates.end());
  const double best = rates.back();
  const double rate = rates[rates.size() / 2];
  report("micro.rpc",
         {{"bytes", config.message_bytes},
          {"outstanding", config.outstanding},
          {"peers", config.peers}},
         {{"rpcs_per_second", rate},
          {"rpcs_per_second_best", best},
          {"rpc_and_side_ns", 5e8 / rate},
          {"packets_per_rpc", static_cast<double>(packets) / static_cast<double>(done)},
          {"gbit_per_second", rate * config.message_bytes * 2 * 8 / 1e9}});
  return 0;
}

int main(int argc, char** argv) {
  Options options;
  CLI::App app("RPCs per second of two endpoints joined by memory, in one thread");
  app.add_option("--bytes", options.bytes, "request and response length");
  app.add_option("--outstanding", options.outstanding, "RPCs in progress");
  app.add_option("--peers", options.peers, "hosts that each side talks to");
  app.add_option("--seconds", options.seconds, "per case");
  app.add_option("--rpcs", options.rpcs, "run this many, without a report");
  CLI11_PARSE(app, argc, argv);
  int status = 0;
  for (const auto bytes : options.bytes) {
    for (const auto outstanding : options.outstanding) {
      for (const auto peers : options.peers) {
        const MemoryPairConfig config{bytes, outstanding, peers};
        if (!reasonable(config) || peers > std::max(outstanding, 1U) * 1'000) continue;
        const int result = measure(config, options);
        if (result != 0) std::fprintf(stderr, "%u B, %u: failed\n", bytes, outstanding);
        status |= result;
      }
    }
  }
  return status;
}

}  // namespace
}  // namespace homa::bench

int main(int argc, char** argv) { return homa::bench::main(argc, argv); }
