#include "tools/bench/generator.h"

#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>

namespace homa::tools {
namespace {

constexpr Nanoseconds kServeSlice = std::chrono::milliseconds(5);
constexpr int kMessagesPerRpc = 2;  // that reach a host: others' requests, responses to its own
constexpr std::uint64_t kEarlyRpcs = 1'000;  // memory is compared between here and the end

Nanoseconds cpu_used() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto of = [](const timeval& t) {
    return std::chrono::seconds(t.tv_sec) + std::chrono::microseconds(t.tv_usec);
  };
  return of(usage.ru_utime) + of(usage.ru_stime);
}

// Bytes of this process in memory.
std::uint64_t resident_bytes() {
  std::FILE* file = std::fopen("/proc/self/statm", "re");
  if (file == nullptr) return 0;
  unsigned long total = 0, resident = 0;
  const int read = std::fscanf(file, "%lu %lu", &total, &resident);
  std::fclose(file);
  return read == 2 ? resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE)) : 0;
}

void add(std::atomic<std::uint64_t>& counter, std::uint64_t amount) {
  counter.store(counter.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
}

void store_sample(const BenchShared& shared, std::size_t self, const BenchSample& sample) {
  BenchHostState& state = shared.host(self);
  const std::uint64_t used = state.samples.load(std::memory_order_relaxed);
  const auto samples = shared.samples(self);
  if (used >= samples.size()) {
    add(state.samples_dropped, 1);
    return;
  }
  samples[static_cast<std::size_t>(used)] = sample;
  state.samples.store(used + 1, std::memory_order_release);
}

}  // namespace

Nanoseconds bench_now() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return std::chrono::seconds(now.tv_sec) + Nanoseconds(now.tv_nsec);
}

ArrivalProcess::ArrivalProcess(const BenchLoad& load, std::size_t hosts, std::size_t self)
    : load_(load), hosts_(hosts), self_(self), random_(load.seed * 1'000'003 + self) {
  const double rate = load.rpcs_per_second(static_cast<int>(hosts));
  mean_gap_ns_ = rate > 0 ? 1e9 / rate : 1e18;
}

double ArrivalProcess::uniform() { return static_cast<double>(random_() >> 11) * 0x1p-53; }

Arrival ArrivalProcess::next() {
  at_ns_ += -std::log1p(-uniform()) * mean_gap_ns_;
  const std::size_t others = std::max<std::size_t>(hosts_ - 1, 1);
  const auto skip = static_cast<std::size_t>(uniform() * static_cast<double>(others));
  Arrival arrival;
  arrival.at = Nanoseconds(static_cast<std::int64_t>(std::min(at_ns_, 9e18)));
  arrival.peer = (self_ + 1 + std::min(skip, others - 1)) % hosts_;
  arrival.request_bytes = load_.workload.sample(uniform());
  return arrival;
}

LoadGenerator::LoadGenerator(const BenchLoad& load, const BenchShared& shared, std::size_t self,
                             BenchTransport& transport)
    : load_(load),
      shared_(shared),
      self_(self),
      transport_(transport),
      state_(shared.host(self)),
      arrivals_(load, shared.hosts(), self),
      rpcs_max_(load.rpcs == 0 ? ~std::uint64_t{0}
                               : (load.rpcs + shared.hosts() - 1) / shared.hosts()) {
  rpcs_.reserve(4096);
  free_.reserve(4096);
  // Memory is compared between 1,000 RPCs and the last: room for samples must not count as growth.
  if (load.rpcs > 0) std::ranges::fill(shared.samples(self), BenchSample{});
}

void LoadGenerator::run(Nanoseconds start) {
  start_ = start;
  measure_from_ = start + load_.warm_up;
  measure_to_ = measure_from_ + load_.duration;
  const Nanoseconds end = load_.rpcs > 0 ? Nanoseconds::max() : measure_to_;
  if (load_.rpcs > 0) measure_to_ = end;
  while (bench_now() < start_) serve_until(start_);
  if (load_.concurrency > 0) {
    run_closed_loop(end);
  } else {
    run_open_loop(end);
  }
  finish();
}

void LoadGenerator::serve_until(Nanoseconds until) {
  transport_.serve_until(until, *this);
  note_marks(bench_now());
}

void LoadGenerator::note_marks(Nanoseconds now) {
  if (cpu_at_start_ < Nanoseconds::zero() && now >= measure_from_) cpu_at_start_ = cpu_used();
}

bool LoadGenerator::enough_rpcs() const {
  return state_.rpcs_started.load(std::memory_order_relaxed) >= rpcs_max_;
}

void LoadGenerator::run_open_loop(Nanoseconds end) {
  Arrival next = arrivals_.next();
  while (!enough_rpcs()) {
    const Nanoseconds due = start_ + next.at;
    if (due >= end) break;
    if (bench_now() < due) {
      serve_until(due);
      continue;
    }
    start_rpc(next, due);
    next = arrivals_.next();
    // Who is behind schedule must not stop serving, or an overload ends all work.
    for (int message = 0; message < kMessagesPerRpc; ++message) serve_until(due);
  }
  while (load_.rpcs == 0 && bench_now() < end) serve_until(end);
}

void LoadGenerator::run_closed_loop(Nanoseconds end) {
  closed_loop_running_ = true;
  for (int i = 0; i < load_.concurrency && !enough_rpcs(); ++i) {
    start_rpc(arrivals_.next(), bench_now());
  }
  while (!enough_rpcs() && bench_now() < end) {
    serve_until(std::min(end, bench_now() + kServeSlice));
  }
  closed_loop_running_ = false;
}

bool LoadGenerator::everybody_done() const {
  for (std::size_t host = 0; host < shared_.hosts(); ++host) {
    if (!shared_.host(host).done.load()) return false;
  }
  return true;
}

void LoadGenerator::finish() {
  state_.cpu_ns.store(static_cast<std::uint64_t>(
      (cpu_used() - std::max(cpu_at_start_, Nanoseconds::zero())).count()));
  const Nanoseconds give_up = bench_now() + load_.drain;
  while (!everybody_done() && bench_now() < give_up) {
    if (live_ == 0) state_.done.store(true);
    serve_until(bench_now() + kServeSlice);
  }
  const Nanoseconds now = bench_now();
  for (const Rpc& rpc : rpcs_) {
    if (rpc.live && rpc.measured) record(rpc, now, true);
  }
  state_.resident_late.store(resident_bytes());
  add(state_.corrupt, transport_.corrupt_requests());
  state_.retransmissions.store(transport_.retransmissions());
  state_.done.store(true);
}

void LoadGenerator::start_rpc(const Arrival& arrival, Nanoseconds scheduled) {
  std::uint64_t slot = rpcs_.size();
  if (free_.empty()) {
    rpcs_.emplace_back();
  } else {
    slot = free_.back();
    free_.pop_back();
  }
  rpcs_[slot] = {scheduled, arrival.request_bytes,
                 scheduled >= measure_from_ && scheduled < measure_to_, true};
  ++live_;
  const std::uint32_t response = load_.response_to(arrival.request_bytes);
  add(state_.rpcs_started, 1);
  add(state_.bytes_started, arrival.request_bytes + response);
  transport_.start(arrival.peer, slot, arrival.request_bytes, response);
}

void LoadGenerator::record(const Rpc& rpc, Nanoseconds now, bool unfinished) {
  store_sample(shared_, self_,
               {static_cast<std::uint64_t>((now - rpc.scheduled).count()), rpc.request_bytes,
                unfinished ? 1U : 0U});
}

void LoadGenerator::on_end(std::uint64_t slot, RpcEnd end) {
  if (slot >= rpcs_.size() || !rpcs_[slot].live) {
    add(state_.corrupt, 1);  // an answer that nobody asked for
    return;
  }
  Rpc& rpc = rpcs_[slot];
  if (end == RpcEnd::kComplete) {
    if (rpc.measured) record(rpc, bench_now(), false);
    add(state_.bytes_finished, rpc.request_bytes + load_.response_to(rpc.request_bytes));
  }
  if (end == RpcEnd::kFailed) add(state_.rpcs_failed, 1);
  if (end == RpcEnd::kCorrupt) add(state_.corrupt, 1);
  add(state_.rpcs_finished, 1);
  if (state_.rpcs_finished.load(std::memory_order_relaxed) == kEarlyRpcs) {
    state_.resident_early.store(resident_bytes());
  }
  rpc.live = false;
  free_.push_back(slot);
  --live_;
  if (closed_loop_running_ && !enough_rpcs()) start_rpc(arrivals_.next(), bench_now());
}

namespace {

class UnloadedClient final : public BenchTransport::Listener {
 public:
  void on_end(std::uint64_t, RpcEnd end) override {
    at_ = bench_now();  // what the transport does afterwards is not part of the round trip
    end_ = end;
    ended_ = true;
  }
  bool ended_ = false;
  Nanoseconds at_{0};
  RpcEnd end_ = RpcEnd::kComplete;
};

void measure_size(const UnloadedPlan& plan, std::uint32_t bytes, const BenchShared& shared,
                  BenchTransport& transport) {
  constexpr Nanoseconds kLongest = std::chrono::seconds(5);
  BenchHostState& state = shared.host(0);
  const std::uint32_t response = plan.response_bytes == 0 ? bytes : plan.response_bytes;
  const Nanoseconds until = bench_now() + plan.per_size;
  UnloadedClient client;
  // The first one is not counted: it may wait for routes, windows or memory.
  for (int i = 0; i <= plan.repeats_max; ++i) {
    if (i > plan.repeats_min && bench_now() >= until) break;
    for (const Nanoseconds rested = bench_now() + plan.rest; bench_now() < rested;) {
      transport.serve_until(rested, client);
    }
    const Nanoseconds start = bench_now();
    client.ended_ = false;
    transport.start(1, 0, bytes, response);
    while (!client.ended_ && bench_now() - start < kLongest) {
      transport.serve_until(start + kLongest, client);
    }
    if (!client.ended_) return state.fail("an RPC of the unloaded measurement got no answer");
    if (client.end_ == RpcEnd::kFailed) add(state.rpcs_failed, 1);
    if (client.end_ == RpcEnd::kCorrupt) add(state.corrupt, 1);
    if (client.end_ != RpcEnd::kComplete || i == 0) continue;
    store_sample(shared, 0, {static_cast<std::uint64_t>((client.at_ - start).count()), bytes, 0});
  }
}

}  // namespace

void run_unloaded(const UnloadedPlan& plan, const BenchShared& shared, std::size_t self,
                  BenchTransport& transport) {
  if (self == 0) {
    for (const std::uint32_t bytes : plan.sizes) measure_size(plan, bytes, shared, transport);
    shared.host(0).done.store(true);
    return;
  }
  UnloadedClient nobody;
  while (!shared.host(0).done.load()) {
    transport.serve_until(bench_now() + kServeSlice, nobody);
  }
  shared.host(self).done.store(true);
}

}  // namespace homa::tools
