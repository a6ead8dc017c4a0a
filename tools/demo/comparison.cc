#include "tools/demo/comparison.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <limits>

#include "tools/text/units.h"

namespace homa::tools {
namespace {

using Json = nlohmann::json;

const std::vector<std::string>& protocol_names() {
  static const std::vector<std::string> kNames = {"homa", "tcp-cubic", "tcp-bbr",
                                                  "tcp-cubic-small-buffers", "grpc"};
  return kNames;
}

// Not everything runs everywhere, so a protocol has a column only where it ran.
std::vector<std::string> columns_of(const DemoPart& part) {
  std::vector<std::string> names = protocol_names();
  std::erase_if(names,
                [&part](const std::string& name) { return best_run(part, name) == nullptr; });
  return names;
}

// The smallest value of any TCP run that kept up, or of any at all.
double best_tcp(const DemoPart& part, const std::function<double(const BenchResult&)>& value) {
  double best[2] = {std::numeric_limits<double>::infinity(),
                    std::numeric_limits<double>::infinity()};
  for (const BenchResult& run : part.runs) {
    if (!run.protocol.is_tcp()) continue;
    double& slot = best[run.run.sustained ? 0 : 1];
    slot = std::min(slot, value(run));
  }
  return best[0] < std::numeric_limits<double>::infinity() ? best[0] : best[1];
}

const SizeFigures* size_class(const BenchResult& run, std::uint32_t bytes_max) {
  for (const SizeFigures& size : run.figures.sizes) {
    if (size.bytes_max == bytes_max) return &size;
  }
  return nullptr;
}

std::string cell(const BenchResult* run, std::uint32_t bytes_max) {
  const SizeFigures* size = run == nullptr ? nullptr : size_class(*run, bytes_max);
  if (size == nullptr) return fmt::format("{:>10} {:>10} {:>9}", "-", "-", "-");
  return fmt::format("{:>10} {:>10} {:>9.1f}", format_time(size->round_trip_us.p50),
                     format_time(size->round_trip_us.p99), size->slowdown.p99);
}

std::string summary_row(const BenchResult& run, std::size_t hosts) {
  const std::string name =
      run.protocol.is_homa() ? run.protocol.name()
                             : fmt::format("{} x{}", run.protocol.name(), run.protocol.connections);
  std::string remarks;
  if (!run.run.sustained) remarks += " load not sustained;";
  if (run.run.cpu_limited) remarks += " CPU-bound;";
  const std::uint64_t errors = run.run.rpcs_failed + run.run.corrupt + run.run.unfinished;
  if (errors > 0) remarks += fmt::format(" {} errors;", errors);
  return fmt::format(
      "  {:<26} {:>8} {:>10} {:>10} {:>10} {:>10} {:>9.1f} {:>10.1f} {:>7.1f} {}\n", name,
      run.figures.all.round_trip_us.count, format_time(run.figures.short_half.round_trip_us.p50),
      format_time(run.figures.short_half.round_trip_us.p99),
      format_time(run.figures.all.round_trip_us.mean),
      format_time(run.figures.all.round_trip_us.p99), run.figures.short_half.slowdown.p99,
      run.run.goodput_bits_per_second / 1e6 / static_cast<double>(hosts), run.run.cpu_seconds,
      remarks);
}

std::string verdict_lines(const DemoPart& part) {
  const DemoVerdict result = verdict(part);
  if (!result.complete) return {};
  std::string text = fmt::format(
      "  P99 of the shorter half: Homa 1/{:.0f} of the best TCP; mean: 1/{:.1f}; goodput: {:.3f} "
      "x;\n  Homa's shorter half at P99: {:.1f} x its own time on the idle network; ",
      result.short_p99_ratio, result.mean_ratio, result.goodput_ratio, result.short_slowdown_p99);
  if (result.worse.empty()) return text + "no size where a TCP is better at P99\n";
  text += "a TCP is better at P99 for messages up to";
  for (const std::uint32_t bytes : result.worse) text += fmt::format(" {}", bytes);
  return text + " bytes\n";
}

Json to_json(const DemoVerdict& result) {
  return {{"short_half_p99_ratio", result.short_p99_ratio},
          {"mean_ratio", result.mean_ratio},
          {"short_half_slowdown_p99", result.short_slowdown_p99},
          {"goodput_ratio", result.goodput_ratio},
          {"sizes_where_tcp_is_better", result.worse}};
}

}  // namespace

DemoPart medians(const DemoPart& part) {
  std::vector<std::vector<BenchResult>> groups;
  for (const BenchResult& run : part.runs) {
    const auto same = std::find_if(groups.begin(), groups.end(), [&run](const auto& group) {
      return group.front().protocol.name() == run.protocol.name() &&
             group.front().protocol.connections == run.protocol.connections;
    });
    (same == groups.end() ? groups.emplace_back() : *same).push_back(run);
  }
  DemoPart result{part.workload, part.load, {}};
  for (auto& group : groups) {
    const auto p99 = [](const BenchResult& run) {
      return run.figures.short_half.round_trip_us.p99;
    };
    std::sort(group.begin(), group.end(),
              [&p99](const BenchResult& a, const BenchResult& b) { return p99(a) < p99(b); });
    BenchResult middle = group[(group.size() - 1) / 2];
    if (group.size() > 1) middle.short_p99 = {p99(group.front()), p99(group.back())};
    result.runs.push_back(std::move(middle));
  }
  return result;
}

const BenchResult* best_run(const DemoPart& part, const std::string& protocol) {
  const BenchResult* best = nullptr;
  for (const BenchResult& run : part.runs) {
    if (run.protocol.name() != protocol) continue;
    const auto rank = [](const BenchResult& each) {
      return std::pair(!each.run.sustained, each.figures.short_half.round_trip_us.p99);
    };
    if (best == nullptr || rank(run) < rank(*best)) best = &run;
  }
  return best;
}

DemoVerdict verdict(const DemoPart& part) {
  DemoVerdict result;
  const BenchResult* homa = best_run(part, "homa");
  const bool tcp = std::any_of(part.runs.begin(), part.runs.end(),
                               [](const BenchResult& run) { return run.protocol.is_tcp(); });
  if (homa == nullptr || !tcp) return result;
  result.complete = true;
  const BenchFigures& ours = homa->figures;
  result.short_p99_ratio =
      best_tcp(part,
               [](const BenchResult& run) { return run.figures.short_half.round_trip_us.p99; }) /
      ours.short_half.round_trip_us.p99;
  result.mean_ratio =
      best_tcp(part, [](const BenchResult& run) { return run.figures.all.round_trip_us.mean; }) /
      ours.all.round_trip_us.mean;
  result.goodput_ratio =
      -homa->run.goodput_bits_per_second /
      best_tcp(part, [](const BenchResult& run) { return -run.run.goodput_bits_per_second; });
  result.short_slowdown_p99 = ours.short_half.slowdown.p99;
  for (const SizeFigures& size : ours.sizes) {
    const double tcp_p99 = best_tcp(part, [&size](const BenchResult& run) {
      const SizeFigures* same = size_class(run, size.bytes_max);
      return same == nullptr ? std::numeric_limits<double>::infinity() : same->round_trip_us.p99;
    });
    if (tcp_p99 < size.round_trip_us.p99) result.worse.push_back(size.bytes_max);
  }
  return result;
}

Json to_json(const std::vector<DemoPart>& parts, const std::string& place, std::size_t hosts,
             int runs) {
  Json best = Json::array(), all = Json::array(), verdicts = Json::array();
  for (const DemoPart& part : parts) {
    for (const std::string& name : protocol_names()) {
      const BenchResult* run = best_run(part, name);
      if (run != nullptr) best.push_back(to_json(*run, hosts));
    }
    for (const BenchResult& run : part.runs) all.push_back(to_json(run, hosts));
    Json one = to_json(verdict(part));
    one["workload"] = part.workload;
    one["load"] = part.load;
    verdicts.push_back(one);
  }
  return {{"results", best},      {"all_runs", all}, {"verdicts", verdicts},
          {"runs_of_each", runs}, {"place", place},  {"hosts", hosts}};
}

Json to_json(const Machine& machine) {
  return {{"kernel", machine.kernel},
          {"processor", machine.processor},
          {"processors", machine.processors},
          {"time", machine.time}};
}

std::string to_table(const DemoPart& part, std::size_t hosts) {
  std::string text = fmt::format(
      "\nWorkload {} at {:.0f} % of the link, round trips of request and equally long response\n\n",
      part.workload, part.load * 100);
  text += fmt::format("  {:<26} {:>8} {:>10} {:>10} {:>10} {:>10} {:>9} {:>10} {:>7}\n", "", "RPCs",
                      "short P50", "short P99", "mean", "P99", "slow P99", "Mbit/s", "CPU s");
  for (const BenchResult& run : part.runs) text += summary_row(run, hosts);
  text +=
      "  (short: the shorter half of the messages; slow: round trip over Homa's on the idle "
      "network;\n   Mbit/s: payload per link and direction; x: connections per pair)\n\n";
  text += fmt::format("  {:>10} ", "bytes to");
  const std::vector<std::string> columns = columns_of(part);
  for (const std::string& name : columns) {
    const BenchResult* run = best_run(part, name);
    const std::string title = run->protocol.is_homa()
                                  ? name
                                  : fmt::format("{}, best: x{}", name, run->protocol.connections);
    text += fmt::format("|{:^32}", title);
  }
  text += fmt::format("\n  {:>10} ", "");
  for (std::size_t i = 0; i < columns.size(); ++i) {
    text += fmt::format("|{:>10} {:>10} {:>9} ", "P50", "P99", "slow P99");
  }
  text += '\n';
  if (part.runs.empty()) return text;
  for (const SizeFigures& size : part.runs.front().figures.sizes) {
    text += fmt::format("  {:>10} ", size.bytes_max);
    for (const std::string& name : columns) {
      text += fmt::format("|{} ", cell(best_run(part, name), size.bytes_max));
    }
    text += '\n';
  }
  return text + '\n' + verdict_lines(part);
}

}  // namespace homa::tools
