#include "tools/bench/latency.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <map>

#include "tools/options/command.h"
#include "tools/text/units.h"

namespace homa::tools {
namespace {

using Json = nlohmann::json;

struct Measured {
  std::string protocol, transport;
  std::map<std::uint32_t, std::vector<double>> round_medians;  // by size, of every round, in us
  std::map<std::uint32_t, base::Histogram> all;                // by size, in ns

  // The median of rounds: one disturbed round does not move it.
  double typical_us(std::uint32_t bytes) const { return median(round_medians.at(bytes)); }
};

void take(const BenchRun& run, Measured& into) {
  std::map<std::uint32_t, std::vector<double>> sizes;
  for (const BenchSample& sample : run.samples) {
    sizes[sample.request_bytes].push_back(static_cast<double>(sample.round_trip_ns) / 1e3);
    into.all[sample.request_bytes].add(sample.round_trip_ns);
  }
  for (auto& [bytes, times] : sizes) into.round_medians[bytes].push_back(median(std::move(times)));
  into.transport = run.transport;
}

const Measured* baseline_of(const LatencyPlan& plan, const std::vector<Measured>& measured) {
  for (std::size_t i = 0; i < measured.size(); ++i) {
    if (plan.protocols[i].is_echo()) return &measured[i];
  }
  return nullptr;
}

Json report(const LatencyPlan& plan, const std::vector<Measured>& measured, bool print) {
  const Measured* baseline = baseline_of(plan, measured);
  Json results = Json::array();
  for (const Measured& each : measured) {
    if (print) fmt::print("{}: {}\n", each.protocol, each.transport);
    for (const auto& [bytes, times] : each.all) {
      const Distribution all = distribution(times, 1e3);
      const double typical = each.typical_us(bytes);
      Json one = {{"protocol", each.protocol}, {"bytes", bytes},
                  {"count", all.count},        {"median_us", typical},
                  {"mean_us", all.mean},       {"p99_us", all.p99},
                  {"min_us", all.min},         {"transport", each.transport}};
      std::string ratio;
      if (baseline != nullptr && baseline->all.contains(bytes)) {
        const double factor = typical / baseline->typical_us(bytes);
        one["ratio"] = factor;
        one["ratio_to"] = baseline->protocol;
        ratio = fmt::format("  {:.2f} x {}", factor, baseline->protocol);
      }
      if (print) {
        fmt::print(
            "  {:>8} B: median {:>8.2f} us  min {:>8.2f} us  P99 {:>8.2f} us  ({} round "
            "trips){}\n",
            bytes, typical, all.min, all.p99, all.count, ratio);
      }
      results.push_back(one);
    }
  }
  return results;
}

}  // namespace

int run_latency(BenchSession& session, const LatencyPlan& plan, const std::string& json) {
  const bool print = json != "-";
  if (print) {
    fmt::print("idle network, one RPC at a time: {}\n", session.description());
    std::fflush(stdout);
  }
  std::vector<Measured> measured(plan.protocols.size());
  for (int round = 0; round < plan.rounds; ++round) {
    for (std::size_t i = 0; i < plan.protocols.size(); ++i) {
      const auto run =
          run_bench(session.setup(), plan.protocols[i], plan.sizes, [](const BenchProgress&) {});
      if (!run) return report_bench_error("homa bench", run.error());
      measured[i].protocol = plan.protocols[i].name();
      take(*run, measured[i]);
    }
  }
  const Json results = report(plan, measured, print);
  const Json all = {{"place", session.description()}, {"unloaded", results}};
  if (json == "-") fmt::print("{}\n", all.dump(2));
  if (json.empty() || json == "-") return kSuccess;
  std::ofstream out(json);
  out << all.dump(2) << '\n';
  return out.flush() ? kSuccess : kFailure;
}

}  // namespace homa::tools
