// What runs inside one host process: an open-loop (Poisson) or closed-loop load, or the measurement
// of an idle network. All hosts serve as long as any of them has RPCs under way.
#pragma once

#include <cstdint>
#include <functional>
#include <random>
#include <vector>

#include "tools/bench/config.h"
#include "tools/bench/shared.h"
#include "tools/bench/transport.h"

namespace homa::tools {

struct Arrival {
  Nanoseconds at{0};  // since the run's start
  std::size_t peer = 0;
  std::uint32_t request_bytes = 0;
};

// The arrivals of one host, a pure function of seed and host: every protocol gets the same load.
class ArrivalProcess {
 public:
  ArrivalProcess(const BenchLoad& load, std::size_t hosts, std::size_t self);
  Arrival next();

 private:
  double uniform();  // [0, 1)
  const BenchLoad& load_;
  std::size_t hosts_, self_;
  double mean_gap_ns_;
  double at_ns_ = 0;
  std::mt19937_64 random_;
};

class LoadGenerator final : public BenchTransport::Listener {
 public:
  LoadGenerator(const BenchLoad& load, const BenchShared& shared, std::size_t self,
                BenchTransport& transport);
  // Returns when every host is done, or the time for stragglers is over.
  void run(Nanoseconds start);
  void on_end(std::uint64_t rpc, RpcEnd end) override;

 private:
  struct Rpc {
    Nanoseconds scheduled{0};  // when it was due to start, whether or not it did then
    std::uint32_t request_bytes = 0;
    bool measured = false;
    bool live = false;
  };

  void run_open_loop(Nanoseconds end);
  void run_closed_loop(Nanoseconds end);
  void finish();
  void start_rpc(const Arrival& arrival, Nanoseconds scheduled);
  void serve_until(Nanoseconds until);
  void note_marks(Nanoseconds now);
  void record(const Rpc& rpc, Nanoseconds now, bool unfinished);
  bool enough_rpcs() const;
  bool everybody_done() const;

  const BenchLoad& load_;
  const BenchShared& shared_;
  std::size_t self_;
  BenchTransport& transport_;
  BenchHostState& state_;
  ArrivalProcess arrivals_;
  std::vector<Rpc> rpcs_;
  std::vector<std::uint64_t> free_;
  std::uint64_t live_ = 0;
  std::uint64_t rpcs_max_;  // that this host starts
  Nanoseconds start_{0}, measure_from_{0}, measure_to_{0};
  Nanoseconds cpu_at_start_{-1};
  bool closed_loop_running_ = false;
};

// One RPC at a time from host 0 to host 1, sizes in turn; the other hosts serve.
struct UnloadedPlan {
  std::vector<std::uint32_t> sizes;
  std::uint32_t response_bytes = 0;  // as in BenchLoad
  int repeats_min = 5, repeats_max = 40;
  Nanoseconds per_size = std::chrono::milliseconds(300);
  Nanoseconds rest{0};  // before each RPC: idle hosts fall asleep
};
void run_unloaded(const UnloadedPlan& plan, const BenchShared& shared, std::size_t self,
                  BenchTransport& transport);

}  // namespace homa::tools
