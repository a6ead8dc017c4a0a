#include "tools/bench/report.h"

#include <fmt/format.h>
#include <unistd.h>

#include <chrono>

#include "tools/text/units.h"

namespace homa::tools {
namespace {

using Json = nlohmann::json;

Json to_json(const SizeFigures& figures) {
  const Distribution& time = figures.round_trip_us;
  return {{"bytes_min", figures.bytes_min},
          {"bytes_max", figures.bytes_max},
          {"count", time.count},
          {"mean_us", time.mean},
          {"p50_us", time.p50},
          {"p99_us", time.p99},
          {"p999_us", time.p999},
          {"slowdown_mean", figures.slowdown.mean},
          {"slowdown_p50", figures.slowdown.p50},
          {"slowdown_p99", figures.slowdown.p99},
          {"slowdown_p999", figures.slowdown.p999},
          {"own_slowdown_mean", figures.own_slowdown.mean},
          {"own_slowdown_p50", figures.own_slowdown.p50},
          {"own_slowdown_p99", figures.own_slowdown.p99}};
}

std::string row(const SizeFigures& figures) {
  const Distribution& time = figures.round_trip_us;
  return fmt::format("  {:>9} {:>8} {:>10} {:>10} {:>10} {:>10} {:>9.1f} {:>9.1f}\n",
                     figures.bytes_max, time.count, format_time(time.mean), format_time(time.p50),
                     format_time(time.p99), format_time(time.p999), figures.slowdown.p50,
                     figures.slowdown.p99);
}

std::string load_in_words(const BenchLoad& load) {
  if (load.concurrency > 0) return fmt::format("{} RPCs outstanding per host", load.concurrency);
  return fmt::format("{:.0f} % of {}", load.load * 100, format_rate(load.rate));
}

std::string troubles(const BenchRun& run) {
  std::string text;
  if (!run.sustained) {
    text += fmt::format("  NOT SUSTAINED: {:.1f} % of what arrived piled up\n",
                        run.backlog_growth * 100);
  }
  if (run.cpu_limited) {
    text +=
        fmt::format("  CPU WAS THE LIMIT: the machine was {:.0f} % busy\n", run.machine_busy * 100);
  }
  if (run.gave_network_cpu) {
    text += "  the hosts needed the network's processor, too: one waits for another's packets\n";
  }
  if (run.rpcs_failed > 0) text += fmt::format("  {} RPCs failed\n", run.rpcs_failed);
  if (run.corrupt > 0) text += fmt::format("  {} MESSAGES WERE CORRUPT\n", run.corrupt);
  if (run.unfinished > 0) {
    text += fmt::format(
        "  {} RPCs were not done when waiting ended; counted with the time until "
        "then\n",
        run.unfinished);
  }
  if (run.samples_dropped > 0) {
    text += fmt::format("  {} RPCs were not recorded for want of room\n", run.samples_dropped);
  }
  return text;
}

}  // namespace

Json to_json(const UnloadedCurve& curve) {
  Json points = Json::array();
  for (const UnloadedCurve::Point& point : curve.points()) {
    points.push_back({{"bytes", point.bytes}, {"median_us", point.median_us}});
  }
  return points;
}

Json to_json(const BenchResult& result, std::size_t hosts) {
  const BenchRun& run = result.run;
  const BenchFigures& figures = result.figures;
  Json sizes = Json::array();
  for (const SizeFigures& size : figures.sizes) sizes.push_back(to_json(size));
  return {{"protocol", result.protocol.name()},
          {"connections", result.protocol.is_homa() ? 0 : result.protocol.connections},
          {"workload", std::string(result.load.workload.name())},
          {"load", result.load.load},
          {"concurrency", result.load.concurrency},
          {"rpcs", figures.all.round_trip_us.count},
          {"mean_us", figures.all.round_trip_us.mean},
          {"mean_slowdown", figures.all.slowdown.mean},
          {"all", to_json(figures.all)},
          {"short_half", to_json(figures.short_half)},
          {"short_half_p99_us_least", result.short_p99.least},
          {"short_half_p99_us_greatest", result.short_p99.greatest},
          {"sizes", sizes},
          {"goodput_mbps", run.goodput_bits_per_second / 1e6},
          {"goodput_per_link_mbps", run.goodput_bits_per_second / 1e6 / static_cast<double>(hosts)},
          {"cpu_seconds", run.cpu_seconds},
          {"machine_cpu_seconds", run.machine_cpu_seconds},
          {"service", result.service},
          {"measured_seconds", run.measured_seconds},
          {"machine_busy", run.machine_busy},
          {"cpu_limited", run.cpu_limited},
          {"gave_network_cpu", run.gave_network_cpu},
          {"sustained", run.sustained},
          {"backlog_growth", run.backlog_growth},
          {"errors", run.rpcs_failed + run.corrupt + run.unfinished},
          {"failed", run.rpcs_failed},
          {"corrupt", run.corrupt},
          {"unfinished", run.unfinished},
          {"retransmissions", run.retransmissions},
          {"rpcs_started", run.rpcs_started},
          {"rpcs_finished", run.rpcs_finished},
          {"resident_bytes_early", run.resident_early},
          {"resident_bytes_late", run.resident_late},
          {"counters", run.counters},
          {"transport", run.transport}};
}

std::string to_table(const BenchResult& result, std::size_t hosts) {
  const BenchRun& run = result.run;
  std::string text =
      fmt::format("{}, {} at {}, {} hosts: {}\n", result.protocol.name(),
                  result.load.workload.name(), load_in_words(result.load), hosts, run.transport);
  if (!result.service.empty()) text += fmt::format("  handlers: {}\n", result.service);
  text += fmt::format("  {:>9} {:>8} {:>10} {:>10} {:>10} {:>10} {:>9} {:>9}\n", "bytes up to",
                      "RPCs", "mean", "P50", "P99", "P99.9", "slow P50", "slow P99");
  for (const SizeFigures& size : result.figures.sizes) text += row(size);
  text += "  all sizes, and the shorter half:\n";
  text += row(result.figures.all) + row(result.figures.short_half);
  text += fmt::format(
      "  goodput {:.1f} Mbit/s ({:.1f} per link and direction); {:.2f} CPU s of the hosts, {:.2f} "
      "of the machine in {:.1f} s, {:.0f} % busy; {} packets sent again\n",
      run.goodput_bits_per_second / 1e6,
      run.goodput_bits_per_second / 1e6 / static_cast<double>(hosts), run.cpu_seconds,
      run.machine_cpu_seconds, run.measured_seconds, run.machine_busy * 100, run.retransmissions);
  text += fmt::format(
      "  {} RPCs in all; memory of a host {:.1f} MB after 1,000 RPCs, {:.1f} MB at "
      "the end\n",
      run.rpcs_finished, static_cast<double>(run.resident_early) / 1e6,
      static_cast<double>(run.resident_late) / 1e6);
  return text + troubles(run);
}

void show_progress(const std::string& what, const BenchProgress& progress) {
  if (::isatty(STDERR_FILENO) == 0) return;
  fmt::print(stderr, "\r\033[K{}: {:3.0f} %, {} RPCs, {} under way, {:.0f} s left", what,
             progress.done * 100, progress.rpcs_finished,
             format_bytes(static_cast<double>(progress.bytes_under_way)),
             std::chrono::duration<double>(progress.left).count());
  std::fflush(stderr);
}

void clear_progress() {
  if (::isatty(STDERR_FILENO) != 0) fmt::print(stderr, "\r\033[K");
}

}  // namespace homa::tools
