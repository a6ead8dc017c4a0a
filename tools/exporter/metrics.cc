#include "tools/exporter/metrics.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "base/buckets.h"

namespace homa::tools {
namespace {

using observe::Distribution;
using observe::EngineState;
using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;
using Labels = std::vector<ClientMetric::Label>;

// The families by name: a name must come once, with all engines in it.
class Families {
 public:
  ClientMetric& add(const std::string& name, const std::string& help, MetricType type,
                    Labels labels) {
    MetricFamily& family = families_[name];
    family.name = name;
    family.help = help;
    family.type = type;
    family.metric.emplace_back();
    family.metric.back().label = std::move(labels);
    return family.metric.back();
  }
  std::vector<MetricFamily> take() {
    std::vector<MetricFamily> all;
    for (auto& [name, family] : families_) all.push_back(std::move(family));
    return all;
  }

 private:
  std::map<std::string, MetricFamily> families_;
};

Labels with(Labels labels, std::string name, std::string value) {
  labels.push_back({std::move(name), std::move(value)});
  return labels;
}

// A name without its unit, and what a value of it is in Prometheus' unit.
struct Unit {
  std::string_view ours, theirs;
  double factor;
};
constexpr Unit kUnits[] = {{"_microseconds", "_seconds", 1e-6},
                           {"_bits_per_second", "_bytes_per_second", 1.0 / 8}};

void add_metric(Families& families, const observe::Metric& metric, const Labels& labels) {
  std::string name = "homa_" + metric.name;
  auto value = static_cast<double>(metric.value);
  for (const Unit& unit : kUnits) {
    if (!name.ends_with(unit.ours)) continue;
    name.replace(name.size() - unit.ours.size(), unit.ours.size(), unit.theirs);
    value *= unit.factor;
  }
  if (metric.only_grows) {
    families.add(name + "_total", metric.meaning, MetricType::Counter, labels).counter.value =
        value;
  } else {
    families.add(name, metric.meaning, MetricType::Gauge, labels).gauge.value = value;
  }
}

// Edges of the engine's buckets, so that what lies below is counted exactly.
struct Edges {
  int first, last;  // powers of two
  bool halves;      // also in the middle between two
  double factor;    // to Prometheus' unit
};
constexpr Edges kTimeEdges{12, 34, true, 1e-9};
constexpr Edges kByteEdges{6, 23, false, 1};

void fill(ClientMetric::Histogram& histogram, const Distribution& values, const Edges& edges) {
  std::uint64_t below = 0;
  std::size_t bucket = 0;
  const auto add_edge = [&](std::uint64_t edge) {
    for (; bucket < values.counts.size() && base::last_of_bucket(bucket, values.precision) < edge;
         ++bucket) {
      below += values.counts[bucket];
    }
    histogram.bucket.push_back({below, static_cast<double>(edge) * edges.factor});
  };
  for (int power = edges.first; power <= edges.last; ++power) {
    const std::uint64_t edge = std::uint64_t{1} << power;
    add_edge(edge);
    if (edges.halves && power < edges.last) add_edge(edge + edge / 2);
  }
  histogram.sample_count = values.count();
  histogram.sample_sum = static_cast<double>(values.sum) * edges.factor;
  histogram.bucket.push_back({histogram.sample_count, std::numeric_limits<double>::infinity()});
}

void add_distribution(Families& families, const Distribution& values, const Labels& labels) {
  const bool is_time = values.unit == "nanoseconds";
  std::string name = "homa_" + values.name + (is_time ? "_seconds" : "_bytes");
  Labels all = labels;
  if (values.above != 0 || values.up_to != 0) {
    all =
        with(labels, "bytes_up_to", values.up_to == 0 ? "unlimited" : std::to_string(values.up_to));
  }
  ClientMetric& metric = families.add(name, values.meaning, MetricType::Histogram, std::move(all));
  fill(metric.histogram, values, is_time ? kTimeEdges : kByteEdges);
}

void add_errors(Families& families, const EngineState& engine, const Labels& labels) {
  std::map<std::string, std::uint64_t> by_text;
  for (const observe::ErrorSeen& error : engine.errors) by_text[error.text] += error.count;
  for (const auto& [text, count] : by_text) {
    families
        .add("homa_error_log_entries", "errors in the engine's log, which keeps the latest",
             MetricType::Gauge, with(labels, "error", text))
        .gauge.value = static_cast<double>(count);
  }
}

void add_programs(Families& families, const EngineState& engine, const Labels& labels) {
  for (const observe::ProgramSeen& each : engine.programs) {
    const Labels own = with(with(labels, "client_pid", std::to_string(each.pid)), "client_user",
                            std::to_string(each.user));
    const auto gauge = [&](const char* name, const char* help, std::uint64_t value) {
      families.add(name, help, MetricType::Gauge, own).gauge.value = static_cast<double>(value);
    };
    gauge("homa_client_sockets", "sockets of a program over homad", each.sockets);
    gauge("homa_client_rpcs", "RPCs in progress that a program over homad started", each.rpcs);
    gauge("homa_client_memory_bytes", "memory of a program's messages", each.memory_used);
    gauge("homa_client_memory_guaranteed_bytes", "of it, what is guaranteed",
          each.memory_guaranteed);
    families
        .add("homa_client_troubles_total",
             "times that memory or a limit ran short for a program, or that it made no sense",
             MetricType::Counter, own)
        .counter.value = static_cast<double>(each.troubles());
  }
}

void add_engine(Families& families, const EngineState& engine, const Labels& labels) {
  families
      .add("homa_engine_info", "1; what the engine is, in its labels", MetricType::Gauge,
           with(labels, "description", engine.description))
      .gauge.value = 1;
  families
      .add("homa_engine_start_time_seconds", "when the engine began, in seconds since 1970",
           MetricType::Gauge, labels)
      .gauge.value = static_cast<double>(engine.opened) * 1e-9;
  for (const observe::Metric& metric : engine.metrics) add_metric(families, metric, labels);
  for (const Distribution& values : engine.distributions) {
    add_distribution(families, values, labels);
  }
  add_programs(families, engine, labels);
  add_errors(families, engine, labels);
}

}  // namespace

std::vector<MetricFamily> metric_families(std::span<const EngineState> engines) {
  Families families;
  families.add("homa_engines", "engines that run on this host", MetricType::Gauge, {}).gauge.value =
      static_cast<double>(engines.size());
  std::map<std::uint32_t, std::size_t> engines_of;  // a process
  for (const EngineState& engine : engines) {
    add_engine(families, engine,
               {{"program", engine.program},
                {"pid", std::to_string(engine.pid)},
                {"engine", std::to_string(engines_of[engine.pid]++)}});
  }
  return families.take();
}

}  // namespace homa::tools
