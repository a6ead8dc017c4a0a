#include "tools/stat/report.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <ctime>
#include <iterator>
#include <tuple>
#include <vector>

#include "tools/text/units.h"

namespace homa::tools {
namespace {

using nlohmann::ordered_json;
using observe::Distribution;
using observe::EngineState;

double microseconds(Duration duration) {
  return std::chrono::duration<double, std::micro>(duration).count();
}

std::string time_text(std::int64_t since_1970) {
  const std::time_t seconds = since_1970 / 1'000'000'000;
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}Z", fmt::gmtime(seconds));
}

std::string quantity(std::uint64_t value, const std::string& unit) {
  const auto number = static_cast<double>(value);
  return unit == "nanoseconds" ? format_time(number / 1e3) : format_bytes(number);
}

std::string class_text(const Distribution& distribution) {
  if (distribution.up_to == 0 && distribution.above == 0) return distribution.name;
  if (distribution.up_to == 0) {
    return fmt::format("> {}", format_bytes(static_cast<double>(distribution.above)));
  }
  return fmt::format("<= {}", format_bytes(static_cast<double>(distribution.up_to)));
}

std::string distributions_text(std::span<const Distribution> distributions) {
  std::string text;
  auto out = std::back_inserter(text);
  for (const Distribution& values : distributions) {
    if (values.count() == 0) continue;
    if (text.empty()) {
      fmt::format_to(out, "  {:<18}{:>12}{:>11}{:>11}{:>11}{:>11}\n", "RPC time, by size", "count",
                     "P50", "P90", "P99", "P99.9");
    }
    fmt::format_to(out, "  {:<18}{:>12}", class_text(values), values.count());
    for (const double share : {0.5, 0.9, 0.99, 0.999}) {
      fmt::format_to(out, "{:>11}", quantity(values.percentile(share), values.unit));
    }
    text += '\n';
  }
  return text;
}

ordered_json distribution_json(const Distribution& values) {
  ordered_json json = {{"count", values.count()}, {"mean", values.mean()}};
  if (values.name == "rpc_time") {
    json["bytes_above"] = values.above;
    json["bytes_up_to"] = values.up_to == 0 ? ordered_json() : ordered_json(values.up_to);
  }
  json["unit"] = values.unit;
  for (const auto& [name, share] :
       {std::pair("p50", 0.5), {"p90", 0.9}, {"p99", 0.99}, {"p999", 0.999}}) {
    json[name] = values.percentile(share);
  }
  return json;
}

ordered_json distributions_json(std::span<const Distribution> distributions) {
  ordered_json json = ordered_json::object();
  for (const Distribution& values : distributions) {
    if (values.above == 0 && values.up_to == 0) {
      json[values.name] = distribution_json(values);
    } else {
      json[values.name].push_back(distribution_json(values));
    }
  }
  return json;
}

ordered_json engine_json(const EngineState& engine) {
  return {{"pid", engine.pid},
          {"program", engine.program},
          {"user", engine.user},
          {"description", engine.description},
          {"opened", time_text(engine.opened)},
          {"running", engine.lives() && !engine.out_of_memory}};
}

std::vector<Distribution> since(const EngineState& before, const EngineState& now) {
  std::vector<Distribution> difference;
  for (std::size_t i = 0; i < now.distributions.size(); ++i) {
    const Distribution& values = now.distributions[i];
    difference.push_back(i < before.distributions.size() ? values.since(before.distributions[i])
                                                         : values);
  }
  return difference;
}

struct EngineRpc {
  const EngineState* engine;
  const observe::RpcSeen* rpc;
};

std::vector<EngineRpc> longest_first(std::span<const EngineState> engines) {
  std::vector<EngineRpc> all;
  for (const EngineState& engine : engines) {
    for (const auto& rpc : engine.rpcs) all.push_back({&engine, &rpc});
  }
  std::stable_sort(all.begin(), all.end(), [](const EngineRpc& a, const EngineRpc& b) {
    return a.rpc->began < b.rpc->began;
  });
  return all;
}

struct EngineError {
  const EngineState* engine;
  const observe::ErrorSeen* error;
};

std::vector<EngineError> latest_first(std::span<const EngineState> engines) {
  std::vector<EngineError> all;
  for (const EngineState& engine : engines) {
    for (const auto& error : engine.errors) all.push_back({&engine, &error});
  }
  std::stable_sort(all.begin(), all.end(), [](const EngineError& a, const EngineError& b) {
    return a.error->last > b.error->last;
  });
  return all;
}

std::string programs_text(const EngineState& engine) {
  if (engine.programs.empty()) return {};
  std::string text =
      fmt::format("  {:>7} {:>6} {:>8} {:>6} {:>11} {:>11} {:>11} {:>9}\n", "program", "user",
                  "sockets", "RPCs", "memory", "guaranteed", "receive", "troubles");
  for (const observe::ProgramSeen& each : engine.programs) {
    fmt::format_to(std::back_inserter(text),
                   "  {:>7} {:>6} {:>8} {:>6} {:>11} {:>11} {:>11} {:>9}\n", each.pid, each.user,
                   each.sockets, each.rpcs, format_bytes(static_cast<double>(each.memory_used)),
                   format_bytes(static_cast<double>(each.memory_guaranteed)),
                   format_bytes(static_cast<double>(each.receive_bytes)), each.troubles());
  }
  return text;
}

ordered_json programs_json(const EngineState& engine) {
  auto json = ordered_json::array();
  for (const observe::ProgramSeen& each : engine.programs) {
    json.push_back({{"pid", each.pid},
                    {"user", each.user},
                    {"sockets", each.sockets},
                    {"rpcs", each.rpcs},
                    {"memory_used", each.memory_used},
                    {"memory_guaranteed", each.memory_guaranteed},
                    {"receive_used", each.receive_used},
                    {"receive_bytes", each.receive_bytes},
                    {"messages_held", each.messages_held},
                    {"incoming_dropped", each.incoming_dropped},
                    {"outgoing_dropped", each.outgoing_dropped},
                    {"sends_refused", each.sends_refused},
                    {"requests_refused", each.requests_refused},
                    {"rpcs_refused", each.rpcs_refused},
                    {"submissions_refused", each.submissions_refused},
                    {"channels_broken", each.channels_broken}});
  }
  return json;
}

}  // namespace

std::string engine_line(const EngineState& engine) {
  std::string text = fmt::format("{}, pid {}, user {}: {}", engine.program, engine.pid, engine.user,
                                 engine.description);
  if (engine.owner == trace::Owner::kGone) text += "; its process is gone";
  if (engine.out_of_memory) text += "; stopped for want of memory";
  if (engine.torn) text += "; it was stopped while it wrote errors or RPCs";
  return text;
}

std::string stat_text(const EngineState& engine, bool all) {
  std::string text =
      engine_line(engine) + "\n" + distributions_text(engine.distributions) + programs_text(engine);
  for (const bool counters : {false, true}) {
    for (const observe::Metric& metric : engine.metrics) {
      if (metric.only_grows != counters || (metric.value == 0 && !all)) continue;
      fmt::format_to(std::back_inserter(text), "  {:<28}{:>16}  {}\n", metric.name, metric.value,
                     metric.meaning);
    }
  }
  return text;
}

ordered_json stat_json(const EngineState& engine) {
  ordered_json json = engine_json(engine);
  json["gauges"] = json["counters"] = ordered_json::object();
  for (const observe::Metric& metric : engine.metrics) {
    json[metric.only_grows ? "counters" : "gauges"][metric.name] = metric.value;
  }
  json["histograms"] = distributions_json(engine.distributions);
  json["programs"] = programs_json(engine);
  return json;
}

std::string change_text(const EngineState& before, const EngineState& now, double seconds) {
  std::string text = engine_line(now) + "\n" + distributions_text(since(before, now));
  for (const observe::Metric& metric : now.metrics) {
    const std::uint64_t earlier = before.value(metric.name);
    if (metric.value == earlier && (metric.only_grows || metric.value == 0)) continue;
    if (metric.only_grows) {
      const std::uint64_t grown = metric.value - std::min(metric.value, earlier);
      fmt::format_to(std::back_inserter(text), "  {:<28}{:>14.0f}/s  {}\n", metric.name,
                     static_cast<double>(grown) / seconds, metric.meaning);
    } else {
      fmt::format_to(std::back_inserter(text), "  {:<28}{:>16}  {}\n", metric.name, metric.value,
                     metric.meaning);
    }
  }
  return text;
}

ordered_json change_json(const EngineState& before, const EngineState& now, double seconds) {
  ordered_json json = engine_json(now);
  json["seconds"] = seconds;
  json["gauges"] = json["per_second"] = ordered_json::object();
  for (const observe::Metric& metric : now.metrics) {
    if (metric.only_grows) {
      const std::uint64_t earlier = before.value(metric.name);
      json["per_second"][metric.name] =
          static_cast<double>(metric.value - std::min(metric.value, earlier)) / seconds;
    } else {
      json["gauges"][metric.name] = metric.value;
    }
  }
  json["histograms"] = distributions_json(since(before, now));
  return json;
}

std::string rpcs_text(std::span<const EngineState> engines, Time clock) {
  std::string text =
      fmt::format("{:>7} {:>9} {:<7} {:<9} {:<28} {:>21} {:>21} {:>4} {:>6}\n", "PID", "AGE",
                  "SIDE", "STATE", "PEER", "SENT", "RECEIVED", "GAPS", "SILENT");
  for (const auto& [engine, rpc] : longest_first(engines)) {
    fmt::format_to(
        std::back_inserter(text), "{:>7} {:>9} {:<7} {:<9} {:<28} {:>21} {:>21} {:>4} {:>6}\n",
        engine->pid, format_time(microseconds(clock - rpc->began)),
        rpc->is_ours ? "client" : "server", rpc->state, rpc->peer.to_string(),
        fmt::format("{}/{}", rpc->sent, rpc->send_length),
        fmt::format("{}/{}", rpc->received, rpc->receive_length), rpc->gaps, rpc->silent_ticks);
  }
  return text;
}

ordered_json rpcs_json(std::span<const EngineState> engines, Time clock) {
  ordered_json json = ordered_json::array();
  for (const auto& [engine, rpc] : longest_first(engines)) {
    json.push_back({{"pid", engine->pid},
                    {"program", engine->program},
                    {"id", rpc->wire_id},
                    {"age_us", microseconds(clock - rpc->began)},
                    {"side", rpc->is_ours ? "client" : "server"},
                    {"state", rpc->state},
                    {"peer", rpc->peer.to_string()},
                    {"port", rpc->local_port},
                    {"send_length", rpc->send_length},
                    {"sent", rpc->sent},
                    {"send_granted", rpc->send_granted},
                    {"receive_length", rpc->receive_length},
                    {"received", rpc->received},
                    {"receive_granted", rpc->receive_granted},
                    {"gaps", rpc->gaps},
                    {"silent_ticks", rpc->silent_ticks}});
  }
  return json;
}

std::string errors_text(std::span<const EngineState> engines) {
  std::string text = fmt::format("{:<20} {:<20} {:>8} {:>7} {:<16} {}\n", "LAST", "FIRST", "COUNT",
                                 "PID", "PROGRAM", "ERROR");
  for (const auto& [engine, error] : latest_first(engines)) {
    fmt::format_to(std::back_inserter(text), "{:<20} {:<20} {:>8} {:>7} {:<16} {}",
                   time_text(error->last), time_text(error->first), error->count, engine->pid,
                   engine->program, error->text);
    if (error->has_peer) {
      fmt::format_to(std::back_inserter(text), " ({}; {})", error->peer.to_string(),
                     to_string(error->executed));
    }
    text += '\n';
  }
  return text;
}

ordered_json errors_json(std::span<const EngineState> engines) {
  ordered_json json = ordered_json::array();
  for (const auto& [engine, error] : latest_first(engines)) {
    ordered_json one = {{"pid", engine->pid},
                        {"program", engine->program},
                        {"count", error->count},
                        {"first", time_text(error->first)},
                        {"last", time_text(error->last)},
                        {"code", static_cast<int>(error->code)},
                        {"error", error->text}};
    if (error->has_peer) {
      one["peer"] = error->peer.to_string();
      one["executed"] = to_string(error->executed);
    }
    json.push_back(std::move(one));
  }
  return json;
}

}  // namespace homa::tools
