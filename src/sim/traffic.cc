#include "sim/traffic.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/check.h"
#include "base/failure.h"
#include "base/quantity.h"

namespace homa::sim {
namespace {

Unexpected<Error> refused(std::string text) {
  return failure(ErrorCode::kInvalidArgument, "traffic: " + std::move(text));
}

// Takes a number and the comma after it from the start of `text`.
bool take_number(std::string_view& text, double& value) {
  const std::size_t comma = text.find(',');
  std::string_view field = text.substr(0, comma);
  text.remove_prefix(comma == std::string_view::npos ? text.size() : comma + 1);
  constexpr std::string_view kBlanks = " \t\r";
  field.remove_prefix(std::min(field.find_first_not_of(kBlanks), field.size()));
  field = field.substr(0, field.find_last_not_of(kBlanks) + 1);
  const auto number = base::parse_number(field);
  value = number.value_or(0);
  return number.has_value();
}

}  // namespace

Result<std::vector<ReplayEntry>, Error> parse_replay(std::string_view text, std::uint32_t hosts) {
  std::vector<ReplayEntry> entries;
  std::size_t number = 0;
  while (!text.empty()) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    ++number;
    line = line.substr(0, line.find('#'));
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    double seconds = 0, source = 0, destination = 0, bytes = 0;
    const bool numbers = take_number(line, seconds) && take_number(line, source) &&
                         take_number(line, destination) && take_number(line, bytes) && line.empty();
    if (!numbers || seconds < 0 || seconds > 1e6 || source < 0 || source >= hosts ||
        destination < 0 || destination >= hosts || source == destination || bytes < 1 ||
        bytes > 1e9) {
      return refused("replay line " + std::to_string(number) +
                     ": want seconds,source,destination,bytes with two different hosts below " +
                     std::to_string(hosts) + " and 1..10^9 bytes");
    }
    ReplayEntry entry{SimTime(std::llround(seconds * 1e12)), static_cast<HostId>(source),
                      static_cast<HostId>(destination), static_cast<std::uint32_t>(bytes)};
    if (!entries.empty() && entry.time < entries.back().time) {
      return refused("replay line " + std::to_string(number) + ": times must not go back");
    }
    entries.push_back(entry);
  }
  if (entries.empty()) return refused("the replay lists no message");
  return entries;
}

Result<void, Error> TrafficConfig::validate(const TopologyConfig& topology) const {
  if (const auto found = distribution(); !found) return Unexpected(found.error());
  if (!(load > 0) || load > 2) return refused("load must be above 0 and at most 2");
  if (messages < 1 || messages > 100'000'000) return refused("messages must be 1..10^8");
  if (!(warm_up >= 0) || warm_up > 10) return refused("warm_up must be 0..10");
  if (!(incast_share >= 0) || incast_share >= 1) {
    return refused("incast_share must be at least 0 and below 1");
  }
  if (incast_degree < 1 || (incast_share > 0 && incast_degree >= topology.hosts)) {
    return refused("incast_degree must be at least 1 and below the number of hosts");
  }
  if (incast_bytes < 1) return refused("incast_bytes must be at least 1");
  if (concurrency < 1 || concurrency > 1'000'000) return refused("concurrency must be 1..10^6");
  if (pattern == TrafficPattern::kReplay && replay.empty()) return refused("nothing to replay");
  if (pattern == TrafficPattern::kClosedLoop && !request_response) {
    return refused("a closed loop is of requests and responses");
  }
  if (service_time < SimTime::zero()) return refused("service_time must not be negative");
  return {};
}

Result<WorkloadDistribution, Error> TrafficConfig::distribution() const {
  auto found = WorkloadDistribution::named(workload);
  if (!found) return found;
  return bytes_max > 0 ? found->cut_off(bytes_max) : *found;
}

Traffic::Traffic(const TrafficConfig& config, const TopologyConfig& topology,
                 const PacketShape& shape, std::uint64_t seed)
    : config_(config),
      hosts_(topology.hosts),
      workload_(config.distribution().value()),
      random_(derived_seed(seed, 3)),
      burst_random_(derived_seed(seed, 4)) {
  double wire_bytes = 0;  // of one message's DATA packets, on average
  for (std::size_t i = 0; i < workload_.steps().size(); ++i) {
    const std::uint32_t bytes = workload_.steps()[i].bytes;
    std::uint64_t sum = shape.wire_bytes(bytes);
    if (config.request_response) {
      sum += shape.wire_bytes(config.response_bytes > 0 ? config.response_bytes : bytes);
    }
    wire_bytes += workload_.probability(i) * static_cast<double>(sum);
  }
  const double capacity = static_cast<double>(topology.host_bits_per_second) * hosts_ / 8e12;
  const double offered = capacity * config.load;  // bytes per picosecond
  mean_gap_ = wire_bytes / (offered * (1 - config.incast_share));
  if (config.incast_share > 0) {
    mean_burst_gap_ = static_cast<double>(shape.wire_bytes(config.incast_bytes)) *
                      config.incast_degree / (offered * config.incast_share);
    burst_clock_ = burst_random_.exponential(mean_burst_gap_);
  }
  clock_ = random_.exponential(mean_gap_);
  if (config.pattern == TrafficPattern::kClosedLoop) {
    closed_.assign(config.concurrency, SimTime::zero());
  }
}

HostId Traffic::other_than(HostId host) {
  const HostId other = random_.below(hosts_ - 1);
  return other < host ? other : other + 1;
}

bool Traffic::next(Arrival& arrival) {
  switch (config_.pattern) {
    case TrafficPattern::kReplay: {
      if (replayed_ == config_.replay.size()) return false;
      const ReplayEntry& entry = config_.replay[replayed_++];
      arrival = {entry.time, entry.source, entry.destination, entry.bytes, false};
      return true;
    }
    case TrafficPattern::kClosedLoop: return next_closed(arrival);
    case TrafficPattern::kAllToAll: break;
  }
  if (burst_.empty() && burst_clock_ <= clock_) next_burst();
  if (!burst_.empty() && burst_.back().time <= clock_) {
    arrival = burst_.back();
    burst_.pop_back();
  } else {
    next_poisson(arrival);
  }
  return true;
}

void Traffic::next_poisson(Arrival& arrival) {
  arrival.time = clock_;
  arrival.source = random_.below(hosts_);
  arrival.destination = other_than(arrival.source);
  arrival.bytes = workload_.sample(random_.uniform());
  arrival.incast = false;
  clock_ += random_.exponential(mean_gap_);
}

void Traffic::next_burst() {
  const HostId destination = burst_random_.below(hosts_);
  std::vector<HostId> senders;
  for (HostId host = 0; host < hosts_; ++host) {
    if (host != destination) senders.push_back(host);
  }
  for (std::uint32_t i = 0; i < config_.incast_degree; ++i) {
    const std::size_t rest = senders.size() - i;
    std::swap(senders[i], senders[i + burst_random_.below(static_cast<std::uint32_t>(rest))]);
    burst_.push_back({burst_clock_, senders[i], destination, config_.incast_bytes, true});
  }
  burst_clock_ += burst_random_.exponential(mean_burst_gap_);
}

bool Traffic::next_closed(Arrival& arrival) {
  if (closed_.empty()) return false;
  arrival = {closed_.back(), 0, other_than(0), workload_.sample(random_.uniform()), false};
  closed_.pop_back();
  return true;
}

void Traffic::on_completion(SimTime now) {
  if (config_.pattern == TrafficPattern::kClosedLoop) closed_.push_back(now);
}

SimTime Traffic::expected_duration() const {
  if (config_.pattern == TrafficPattern::kReplay) return config_.replay.back().time;
  if (config_.pattern == TrafficPattern::kClosedLoop) return SimTime::zero();
  return SimTime(static_cast<std::int64_t>(static_cast<double>(config_.messages) *
                                           (1 + config_.warm_up) * mean_gap_));
}

}  // namespace homa::sim
