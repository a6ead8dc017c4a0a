#include "tools/sim/fields.h"

#include <fmt/format.h>

#include <optional>
#include <type_traits>
#include <utility>

#include "base/failure.h"
#include "base/quantity.h"
#include "core/config_fields.h"

namespace homa::tools {
namespace {

using sim::SimTime;

// --- How each type is read and written ---

template <typename T>
struct Names;  // of an enumeration: pairs of value and word

template <>
struct Names<sim::Protocol> {
  static constexpr std::pair<sim::Protocol, std::string_view> kAll[] = {
      {sim::Protocol::kHoma, "homa"},
      {sim::Protocol::kOracle, "oracle"},
      {sim::Protocol::kDctcp, "dctcp"}};
};
template <>
struct Names<sim::TopologyKind> {
  static constexpr std::pair<sim::TopologyKind, std::string_view> kAll[] = {
      {sim::TopologyKind::kSingleSwitch, "single"}, {sim::TopologyKind::kLeafSpine, "leaf-spine"}};
};
template <>
struct Names<sim::BufferKind> {
  static constexpr std::pair<sim::BufferKind, std::string_view> kAll[] = {
      {sim::BufferKind::kUnbounded, "unbounded"},
      {sim::BufferKind::kPerPort, "per-port"},
      {sim::BufferKind::kShared, "shared"}};
};
template <>
struct Names<sim::PathChoice> {
  static constexpr std::pair<sim::PathChoice, std::string_view> kAll[] = {
      {sim::PathChoice::kPerPacket, "per-packet"}, {sim::PathChoice::kPerFlow, "per-flow"}};
};
template <>
struct Names<sim::TrafficPattern> {
  static constexpr std::pair<sim::TrafficPattern, std::string_view> kAll[] = {
      {sim::TrafficPattern::kAllToAll, "all-to-all"},
      {sim::TrafficPattern::kClosedLoop, "closed-loop"},
      {sim::TrafficPattern::kReplay, "replay"}};
};

enum class Unit { kNone, kRate, kBytes };

template <typename T>
bool read(std::string_view text, Unit unit, T& value) {
  if constexpr (std::is_same_v<T, std::string>) {
    value = std::string(text);
    return true;
  } else if constexpr (std::is_same_v<T, bool>) {
    value = text == "1" || text == "true";
    return value || text == "0" || text == "false";
  } else if constexpr (std::is_enum_v<T>) {
    for (const auto& [candidate, word] : Names<T>::kAll) {
      if (word != text) continue;
      value = candidate;
      return true;
    }
    return false;
  } else if constexpr (std::is_same_v<T, double>) {
    const auto number = base::parse_number(text);
    value = number.value_or(0);
    return number.has_value();
  } else if constexpr (std::is_same_v<T, SimTime>) {
    const auto duration = base::parse_duration(text);
    if (duration) value = *duration;
    return duration.has_value();
  } else {
    static_assert(std::is_unsigned_v<T>);
    std::optional<std::uint64_t> number;
    if (unit == Unit::kRate) number = base::parse_rate(text);
    if (unit == Unit::kBytes) number = base::parse_bytes(text);
    if (unit == Unit::kNone) number = base::parse_count(text);
    if (!number || *number > std::numeric_limits<T>::max()) return false;
    value = static_cast<T>(*number);
    return true;
  }
}

template <typename T>
std::string write(const T& value) {
  if constexpr (std::is_same_v<T, std::string>) {
    return value;
  } else if constexpr (std::is_same_v<T, bool>) {
    return value ? "true" : "false";
  } else if constexpr (std::is_enum_v<T>) {
    for (const auto& [candidate, word] : Names<T>::kAll) {
      if (candidate == value) return std::string(word);
    }
    return "?";
  } else if constexpr (std::is_same_v<T, SimTime>) {
    return fmt::format("{}ns", static_cast<double>(value.count()) / 1000);
  } else {
    return fmt::format("{}", value);
  }
}

// Collects fields; each refers to a member of the configuration at hand.
class Fields {
 public:
  template <typename T>
  void add(std::string name, T& member, std::string meaning, Unit unit = Unit::kNone) {
    fields_.push_back({std::move(name), std::move(meaning),
                       [&member, unit](std::string_view text) { return read(text, unit, member); },
                       [&member] { return write(member); }});
  }
  std::vector<SimField> take() { return std::move(fields_); }

 private:
  std::vector<SimField> fields_;
};

void add_network(Fields& fields, sim::SimConfig& config) {
  sim::TopologyConfig& t = config.topology;
  fields.add("topology.kind", t.kind, "single or leaf-spine");
  fields.add("topology.hosts", t.hosts, "hosts");
  fields.add("topology.racks", t.racks, "leaf switches; divides hosts");
  fields.add("topology.spines", t.spines, "spine switches");
  fields.add("topology.host_rate", t.host_bits_per_second, "host links", Unit::kRate);
  fields.add("topology.spine_rate", t.spine_bits_per_second, "leaf-spine links", Unit::kRate);
  fields.add("topology.propagation", t.propagation, "delay of each link");
  fields.add("topology.switch_delay", t.switch_delay, "fixed delay of each switch");
  fields.add("topology.host_send_delay", t.host_send_delay, "software and NIC, sending");
  fields.add("topology.host_receive_delay", t.host_receive_delay, "software and NIC, receiving");
  fields.add("topology.packet_overhead_bytes", t.packet_overhead_bytes,
             "Ethernet and IP bytes of each packet", Unit::kBytes);
  sim::SwitchConfig& s = config.switches;
  fields.add("switch.buffer", s.buffer, "unbounded, per-port or shared");
  fields.add("switch.buffer_bytes", s.buffer_bytes, "of a port, or shared: of a switch",
             Unit::kBytes);
  fields.add("switch.shared_percent", s.shared_percent, "of what is free, for one port");
  fields.add("switch.paths", s.paths, "per-packet (spraying) or per-flow (ECMP)");
  fields.add("switch.ecn_threshold_bytes", s.ecn_threshold_bytes,
             "mark packets behind a longer queue; 0: never", Unit::kBytes);
  fields.add("switch.strict_priorities", s.strict_priorities, "false: one FIFO per port");
  sim::LinkFaults& f = config.faults.links;
  fields.add("faults.loss", f.loss, "share of packets lost");
  fields.add("faults.duplication", f.duplication, "share of packets that arrive twice");
  fields.add("faults.reordering", f.reordering, "share of packets held back");
  fields.add("faults.held_back_max", f.held_back_max, "by up to this long");
}

void add_traffic(Fields& fields, sim::TrafficConfig& t) {
  fields.add("traffic.pattern", t.pattern, "all-to-all, closed-loop or replay");
  fields.add("traffic.workload", t.workload, "w1..w5 or a size in bytes");
  fields.add("traffic.bytes_max", t.bytes_max, "cut longer messages; 0: full sizes", Unit::kBytes);
  fields.add("traffic.load", t.load, "of each host's link, DATA headers included");
  fields.add("traffic.messages", t.messages, "messages measured");
  fields.add("traffic.warm_up", t.warm_up, "messages before, as a share of those");
  fields.add("traffic.await_last", t.await_last,
             "false: end when the last message measured begins, not when it ends");
  fields.add("traffic.request_response", t.request_response, "RPCs instead of one-way messages");
  fields.add("traffic.response_bytes", t.response_bytes, "0: as long as the request", Unit::kBytes);
  fields.add("traffic.service_time", t.service_time, "of the server, before it answers");
  fields.add("traffic.incast_share", t.incast_share, "share of the load that is bursts");
  fields.add("traffic.incast_degree", t.incast_degree, "senders of a burst");
  fields.add("traffic.incast_bytes", t.incast_bytes, "from each of them", Unit::kBytes);
  fields.add("traffic.concurrency", t.concurrency, "RPCs outstanding in a closed loop");
}

}  // namespace

std::vector<SimField> sim_fields(sim::SimConfig& config) {
  Fields fields;
  fields.add("seed", config.seed, "the same seed gives the same run");
  fields.add("protocol", config.protocol, "homa, oracle or dctcp");
  add_network(fields, config);
  add_traffic(fields, config.traffic);
  sim::HomaConfig& h = config.homa;
  fields.add(
      "homa.derived", h.derived,
      "false: endpoints run with core.* as given, nothing derived from network and workload");
  fields.add("homa.rtt_bytes", h.rtt_bytes, "window of a granted message; 0: 10 kB per 10 Gbit/s",
             Unit::kBytes);
  fields.add("homa.unscheduled_bytes", h.unscheduled_bytes, "0: 0.9328 of rtt_bytes", Unit::kBytes);
  fields.add("homa.overcommit", h.overcommit, "messages granted at once; 0: as in the paper");
  fields.add("homa.unscheduled_levels", h.unscheduled_levels, "priorities; 0: by share of bytes");
  fields.add("homa.max_incoming", h.max_incoming,
             "granted or unscheduled and not received, over all messages; 0: no limit",
             Unit::kBytes);
  fields.add("homa.grant_packets", h.grant_packets, "a grant for so many full packets");
  fields.add(
      "homa.grant_tail_bytes", h.grant_tail_bytes,
      "the last of a message, granted at unscheduled levels; 4294967295: 4 * rtt_bytes, or 0 "
      "if the median message needs no grants");
  fields.add("homa.grant_fifo_per_mille", h.grant_fifo_per_mille,
             "of granted bytes, for the oldest message");
  fields.add("homa.pacer_fifo_per_mille", h.pacer_fifo_per_mille,
             "of sent bytes, for the oldest message");
  fields.add("homa.paced", h.paced, "pace by the core's link model into a FIFO NIC");
  sim::DctcpConfig& d = config.dctcp;
  fields.add("dctcp.segment_bytes", d.segment_bytes, "payload of a segment", Unit::kBytes);
  fields.add("dctcp.initial_window_segments", d.initial_window_segments, "initial window");
  fields.add("dctcp.gain", d.gain, "of the average of marks");
  fields.add("dctcp.timeout_min", d.timeout_min, "retransmission timer");
  fields.add("time_limit", config.time_limit, "of virtual time; 0: from the traffic");
  fields.add("queue_samples", config.queue_samples, "points of the queue series");
  return fields.take();
}

Result<void, Error> set_sim_field(sim::SimConfig& config, std::string_view name,
                                  std::string_view value) {
  constexpr std::string_view kCore = "core.";
  if (name.substr(0, kCore.size()) == kCore) {
    return core::set_field(config.homa.core, name.substr(kCore.size()), value);
  }
  for (const SimField& field : sim_fields(config)) {
    if (field.name != name) continue;
    if (field.set(value)) return {};
    return failure(ErrorCode::kInvalidArgument,
                   fmt::format("{} ({}): \"{}\" is not understood", name, field.meaning, value));
  }
  return failure(ErrorCode::kInvalidArgument,
                 fmt::format("there is no setting \"{}\" (homa sim --settings lists "
                             "them)",
                             name));
}

Result<void, Error> set_sim_fields(sim::SimConfig& config, const nlohmann::json& object,
                                   const std::string& prefix) {
  if (!object.is_object()) {
    return failure(ErrorCode::kInvalidArgument, "settings must be a JSON object");
  }
  for (const auto& [key, value] : object.items()) {
    const std::string name = prefix.empty() ? key : prefix + "." + key;
    const auto done = value.is_object()   ? set_sim_fields(config, value, name)
                      : value.is_string() ? set_sim_field(config, name, value.get<std::string>())
                                          : set_sim_field(config, name, value.dump());
    if (!done) return done;
  }
  return {};
}

std::map<std::string, std::string> all_sim_fields(sim::SimConfig config) {
  std::map<std::string, std::string> values;
  for (const SimField& field : sim_fields(config)) values[field.name] = field.get();
  for (const core::ConfigField& field : core::config_fields()) {
    values["core." + std::string(field.name)] = field.get(config.homa.core);
  }
  return values;
}

}  // namespace homa::tools
