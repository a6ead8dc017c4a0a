#include "tools/sim/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "tools/sim/fields.h"
#include "tools/text/units.h"

namespace homa::tools {
namespace {

using Json = nlohmann::ordered_json;

// By the endpoints' own counter; 0 where another protocol ran.
std::uint64_t counter(const sim::Report& report, std::string_view name) {
  const auto found = report.homa.find(name);
  return found == report.homa.end() ? 0 : found->second;
}

Json summary_json(const sim::SlowdownSummary& summary) {
  return {{"count", summary.count}, {"mean", summary.mean}, {"p50", summary.p50},
          {"p99", summary.p99},     {"p999", summary.p999}, {"max", summary.max}};
}

Json slowdown_json(const sim::Report& report) {
  Json sizes = Json::array();
  for (const sim::SizeClass& size : report.sizes) {
    Json entry = summary_json(size.slowdown);
    entry["bytes_min"] = size.bytes_min;
    entry["bytes_max"] = size.bytes_max;
    sizes.push_back(std::move(entry));
  }
  return {{"mean", report.all.mean},         {"short_half_p99", report.short_half.p99},
          {"worst_p99", report.worst_p99},   {"worst_p99_bytes", report.worst_p99_bytes},
          {"all", summary_json(report.all)}, {"short_half", summary_json(report.short_half)},
          {"sizes", std::move(sizes)}};
}

Json queues_json(const sim::Report& report) {
  Json queues = Json::array();
  for (const sim::QueueReport& queue : report.queues) {
    queues.push_back({{"kind", sim::to_string(queue.kind)},
                      {"ports", queue.ports},
                      {"mean_bytes", queue.mean_bytes},
                      {"p99_bytes", queue.p99_bytes},
                      {"max_bytes", queue.max_bytes}});
  }
  return queues;
}

Json series_json(const sim::Report& report) {
  Json series{{"seconds", Json::array()}};
  for (const sim::QueueReport& queue : report.queues) {
    series[std::string(sim::to_string(queue.kind))] = {{"total_bytes", Json::array()},
                                                       {"max_bytes", Json::array()}};
  }
  for (const sim::QueueSample& sample : report.queue_series) {
    series["seconds"].push_back(sample.seconds);
    for (const sim::QueueReport& queue : report.queues) {
      const auto& at = sample.kinds[static_cast<std::size_t>(queue.kind)];
      Json& kind = series[std::string(sim::to_string(queue.kind))];
      kind["total_bytes"].push_back(at.total_bytes);
      kind["max_bytes"].push_back(at.max_bytes);
    }
  }
  return series;
}

}  // namespace

Json sim_report_json(const sim::SimConfig& config, const sim::Report& report,
                     const WallClock& wall) {
  const sim::LostTime& lost = report.lost_time;
  return {
      {"protocol", sim::to_string(config.protocol)},
      {"workload", config.traffic.workload},
      {"load", config.traffic.load},
      {"messages", report.measured},
      {"unfinished", report.unfinished},
      {"failed", report.failed},
      {"slowdown", slowdown_json(report)},
      {"offered_load", report.offered_load},
      {"sustained_load", report.sustained_load},
      {"backlog",
       {{"first_half_bytes", report.backlog.first_half_bytes},
        {"second_half_bytes", report.backlog.second_half_bytes},
        {"growth", report.backlog.growth}}},
      {"goodput_mbps_per_host", report.goodput_bits_per_second * 1e-6},
      {"queues", queues_json(report)},
      {"queue_series", series_json(report)},
      {"grants", counter(report, "grants_sent")},
      {"unscheduled_share", report.unscheduled_share},
      {"wasted_downlink", report.wasted_downlink},
      {"short_tail_lost_us",
       {{"count", lost.count},
        {"total", lost.total_us},
        {"queueing", lost.queueing_us},
        {"preemption", lost.preemption_us},
        {"sender", lost.sender_us}}},
      {"packets",
       {{"dropped_buffer", report.network.dropped_buffer},
        {"dropped_fault", report.network.dropped_fault},
        {"duplicated", report.network.duplicated},
        {"marked", report.network.marked}}},
      {"resends", counter(report, "resends_sent")},
      {"retransmitted_packets", report.retransmitted},
      {"busy", counter(report, "busy_sent")},
      {"counters", report.homa},
      {"violations", report.violations},
      {"simulated_seconds", report.simulated_seconds},
      {"events", report.events},
      {"events_per_second", wall.events_per_second},
      {"wall_seconds", wall.seconds},
      {"cpu_seconds", wall.cpu_seconds},
      {"endpoint",
       {{"unscheduled_bytes", report.core.unscheduled_bytes},
        {"window", report.core.window},
        {"overcommit", report.core.overcommit},
        {"cutoffs", report.core.cutoffs}}},
      {"config", all_sim_fields(config)},
  };
}

std::string sim_report_text(const sim::SimConfig& config, const sim::Report& report,
                            const WallClock& wall) {
  std::string text;
  auto out = std::back_inserter(text);
  fmt::format_to(out, "{:>12} {:>9} {:>8} {:>8} {:>8} {:>9}\n", "bytes up to", "messages", "mean",
                 "P50", "P99", "P99.9");
  // About twenty rows: every so many classes, and the last.
  const std::size_t step = std::max<std::size_t>(1, report.sizes.size() / 20);
  for (std::size_t i = 0; i < report.sizes.size(); ++i) {
    if (i % step != 0 && i + 1 != report.sizes.size()) continue;
    const sim::SlowdownSummary& size = report.sizes[i].slowdown;
    fmt::format_to(out, "{:>12} {:>9} {:>8.2f} {:>8.2f} {:>8.2f} {:>9.2f}\n",
                   report.sizes[i].bytes_max, size.count, size.mean, size.p50, size.p99, size.p999);
  }
  fmt::format_to(out,
                 "slowdown: mean {:.2f}, shortest half P99 {:.2f}, worst P99 {:.2f} (sizes up to "
                 "{})\n",
                 report.all.mean, report.short_half.p99, report.worst_p99, report.worst_p99_bytes);
  fmt::format_to(out, "load: offered {:.3f}, sustained {:.3f}, goodput {} per host",
                 report.offered_load, report.sustained_load,
                 format_rate(static_cast<std::uint64_t>(report.goodput_bits_per_second)));
  fmt::format_to(out, "; downlinks wasted {:.2f} %, backlog grew by {:.2f} % of what was offered\n",
                 report.wasted_downlink * 100, report.backlog.growth * 100);
  for (const sim::QueueReport& queue : report.queues) {
    fmt::format_to(out, "queue {:<10} ({} ports): mean {}, P99 {}, max {}\n",
                   sim::to_string(queue.kind), queue.ports, format_bytes(queue.mean_bytes),
                   format_bytes(static_cast<double>(queue.p99_bytes)),
                   format_bytes(static_cast<double>(queue.max_bytes)));
  }
  if (config.protocol == sim::Protocol::kHoma) {
    fmt::format_to(out, "grants {}, unscheduled share {:.1f} %, resends {}, sent again {}\n",
                   counter(report, "grants_sent"), report.unscheduled_share * 100,
                   counter(report, "resends_sent"), report.retransmitted);
  } else if (report.network.dropped_buffer + report.retransmitted > 0) {
    fmt::format_to(out, "dropped {}, sent again {}\n", report.network.dropped_buffer,
                   report.retransmitted);
  }
  const sim::LostTime& lost = report.lost_time;
  fmt::format_to(out,
                 "slowest short messages lose {:.2f} us: {:.2f} queueing, {:.2f} behind lower "
                 "priorities, {:.2f} at the sender\n",
                 lost.total_us, lost.queueing_us, lost.preemption_us, lost.sender_us);
  if (report.unfinished + report.failed > 0) {
    fmt::format_to(out, "unfinished {}, failed {}\n", report.unfinished, report.failed);
  }
  for (const std::string& violation : report.violations) {
    fmt::format_to(out, "VIOLATION: {}\n", violation);
  }
  fmt::format_to(out,
                 "{} events of {:.4f} s in {:.1f} s ({:.1f} s of CPU): {:.2f} million events/s\n",
                 report.events, report.simulated_seconds, wall.seconds, wall.cpu_seconds,
                 wall.events_per_second * 1e-6);
  return text;
}

}  // namespace homa::tools
