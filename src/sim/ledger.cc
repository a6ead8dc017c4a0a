#include "sim/ledger.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace homa::sim {
namespace {

constexpr std::size_t kViolationsKept = 10;

double microseconds(SimTime time) { return static_cast<double>(time.count()) * 1e-6; }

}  // namespace

Ledger::Ledger(const TrafficConfig& traffic, const TopologyConfig& topology,
               const PacketShape& shape, std::uint32_t unscheduled_bytes, Network& network)
    : traffic_(traffic),
      topology_(topology),
      shape_(shape),
      unscheduled_bytes_(unscheduled_bytes),
      median_bytes_(traffic.distribution().value().median_bytes()),
      network_(network),
      best_(topology, shape),
      warm_up_messages_(
          static_cast<std::uint64_t>(static_cast<double>(traffic.messages) * traffic.warm_up)),
      downlinks_(topology.hosts) {
  messages_.reserve(static_cast<std::size_t>(traffic.messages + warm_up_messages_));
  if (traffic_.pattern == TrafficPattern::kReplay) {
    warm_up_messages_ = 0;
    traffic_.messages = traffic_.replay.size();
  }
}

MessageId Ledger::begin(const Arrival& arrival) {
  Message message;
  message.start = arrival.time;
  message.bytes = arrival.bytes;
  message.source = static_cast<std::uint16_t>(arrival.source);
  message.destination = static_cast<std::uint16_t>(arrival.destination);
  if (!arrival.incast) {
    const std::uint64_t number = counted_++;
    message.measured =
        number >= warm_up_messages_ && number < warm_up_messages_ + traffic_.messages;
    if (number == warm_up_messages_) {
      window_begin_ = arrival.time;
      network_.start_measuring(arrival.time);
      wasted_ = SimTime::zero();
      for (HostId host = 0; host < topology_.hosts; ++host) {
        downlinks_[host].since = arrival.time;
        downlinks_[host].busy_at_since = network_.downlink_busy(arrival.time, host);
      }
    }
    if (message.measured) {
      window_end_ = arrival.time;
      const std::size_t half = (number - warm_up_messages_) * 2 < traffic_.messages ? 0 : 1;
      backlog_sums_[half] += static_cast<double>(backlog_);
      ++backlog_messages_[half];
    }
  }
  backlog_ += arrival.bytes;
  if (window_begin_ <= arrival.time && (message.measured || arrival.incast)) {
    offered_wire_bytes_ += shape_.wire_bytes(arrival.bytes);
    offered_payload_ += arrival.bytes;
    unscheduled_payload_ += std::min(arrival.bytes, unscheduled_bytes_);
    if (traffic_.request_response) {
      const std::uint32_t response =
          traffic_.response_bytes > 0 ? traffic_.response_bytes : arrival.bytes;
      offered_wire_bytes_ += shape_.wire_bytes(response);
      offered_payload_ += response;
    }
  }
  messages_.push_back(message);
  return static_cast<MessageId>(messages_.size() - 1);
}

void Ledger::count_goodput(SimTime now, std::uint32_t payload) {
  if (now < window_begin_ || measured_begun()) return;
  window_wire_bytes_ += payload + shape_.overhead_bytes;
  window_payload_ += payload;
}

void Ledger::request_progress(SimTime now, MessageId id, std::uint32_t payload) {
  Message& message = messages_[id];
  count_goodput(now, payload);
  if (message.arrived == 0 && message.bytes > unscheduled_bytes_) {
    Downlink& downlink = downlinks_[message.destination];
    if (downlink.open++ == 0) {
      downlink.since = now;
      downlink.busy_at_since = network_.downlink_busy(now, message.destination);
    }
  }
  const bool was_open = message.arrived < message.bytes;
  message.arrived += payload;
  if (message.state == Message::State::kUnderWay) backlog_ -= payload;
  if (was_open && message.arrived >= message.bytes && message.bytes > unscheduled_bytes_) {
    close_downlink(now, message.destination);
  }
  if (message.arrived > message.bytes) {
    violation("message " + std::to_string(id) + ": more bytes delivered than it has");
  }
}

void Ledger::close_downlink(SimTime now, HostId host) {
  Downlink& downlink = downlinks_[host];
  if (downlink.open == 0 || --downlink.open > 0) return;
  wasted_ += (now - downlink.since) - (network_.downlink_busy(now, host) - downlink.busy_at_since);
}

void Ledger::complete(SimTime now, MessageId id, std::int64_t waited, std::int64_t lower_wait) {
  Message& message = messages_[id];
  if (message.state != Message::State::kUnderWay) {
    violation("message " + std::to_string(id) + " ended twice");
    return;
  }
  message.state = Message::State::kDone;
  // (Of an RPC, the server may have lost the request since it answered.)
  if (message.arrived != message.bytes && !traffic_.request_response) {
    violation("message " + std::to_string(id) + " completed with " +
              std::to_string(message.arrived) + " of " + std::to_string(message.bytes) + " bytes");
  }
  if (message.measured) {
    const bool same_rack =
        topology_.rack_of(message.source) == topology_.rack_of(message.destination);
    SimTime best = best_(message.bytes, same_rack);
    if (traffic_.request_response) {
      best += best_(response_bytes(id), same_rack) + traffic_.service_time;
    }
    const SimTime took = now - message.start;
    const double slowdown = static_cast<double>(took.count()) / static_cast<double>(best.count());
    slowdowns_.add(message.bytes, slowdown);
    if (message.bytes <= median_bytes_) {
      short_samples_.push_back({static_cast<float>(slowdown),
                                static_cast<float>(microseconds(took - best)),
                                static_cast<float>(microseconds(SimTime(waited - lower_wait))),
                                static_cast<float>(microseconds(SimTime(lower_wait)))});
    }
  }
  end(id);
}

void Ledger::fail(SimTime now, MessageId id) {
  Message& message = messages_[id];
  if (message.state != Message::State::kUnderWay) {
    violation("message " + std::to_string(id) + " ended twice");
    return;
  }
  ++failed_;
  forget_progress(now, id);
  message.state = Message::State::kFailed;
  backlog_ -= message.bytes;
  end(id);
}

void Ledger::forget_progress(SimTime now, MessageId id) {
  Message& message = messages_[id];
  if (message.arrived > 0 && message.arrived < message.bytes &&
      message.bytes > unscheduled_bytes_) {
    close_downlink(now, message.destination);
  }
  if (message.state == Message::State::kUnderWay) backlog_ += message.arrived;
  message.arrived = 0;
}

void Ledger::end(MessageId id) {
  ++ended_;
  if (messages_[id].measured) ++ended_measured_;
}

void Ledger::violation(std::string text) {
  if (violations_.size() < kViolationsKept) violations_.push_back(std::move(text));
}

void Ledger::finish(SimTime now) {
  finished_ = now;
  if (window_begin_ == kSimNever) return;
  for (HostId host = 0; host < topology_.hosts; ++host) {
    if (downlinks_[host].open == 0) continue;
    downlinks_[host].open = 1;
    close_downlink(now, host);
  }
  network_.settle(now);
}

LostTime Ledger::lost_time() const {
  // The slowest 2 % of the short messages: around their 99th percentile.
  std::vector<ShortSample> sorted = short_samples_;
  std::sort(sorted.begin(), sorted.end(), [](const ShortSample& a, const ShortSample& b) {
    return a.slowdown != b.slowdown ? a.slowdown > b.slowdown : a.over_us > b.over_us;
  });
  LostTime lost;
  lost.count = sorted.size() / 50;
  if (lost.count == 0) return lost;
  for (std::size_t i = 0; i < lost.count; ++i) {
    lost.total_us += static_cast<double>(sorted[i].over_us);
    lost.queueing_us += static_cast<double>(sorted[i].waited_us);
    lost.preemption_us += static_cast<double>(sorted[i].lower_us);
  }
  const auto count = static_cast<double>(lost.count);
  lost.total_us /= count;
  lost.queueing_us /= count;
  lost.preemption_us /= count;
  lost.sender_us = lost.total_us - lost.queueing_us - lost.preemption_us;
  return lost;
}

double Ledger::sustained_load() const {
  const double capacity = to_seconds(window()) * topology_.hosts *
                          static_cast<double>(topology_.host_bits_per_second) / 8;
  return capacity > 0 ? static_cast<double>(window_wire_bytes_) / capacity : 0;
}

double Ledger::offered_load() const {
  const double capacity = to_seconds(window()) * topology_.hosts *
                          static_cast<double>(topology_.host_bits_per_second) / 8;
  return capacity > 0 ? static_cast<double>(offered_wire_bytes_) / capacity : 0;
}

Backlog Ledger::backlog() const {
  Backlog backlog;
  if (backlog_messages_[0] == 0 || backlog_messages_[1] == 0) return backlog;
  backlog.first_half_bytes = backlog_sums_[0] / static_cast<double>(backlog_messages_[0]);
  backlog.second_half_bytes = backlog_sums_[1] / static_cast<double>(backlog_messages_[1]);
  backlog.growth = (backlog.second_half_bytes - backlog.first_half_bytes) /
                   (static_cast<double>(offered_payload_) / 2);
  return backlog;
}

double Ledger::goodput_bits_per_second() const {
  const double seconds = to_seconds(window()) * topology_.hosts;
  return seconds > 0 ? static_cast<double>(window_payload_) * 8 / seconds : 0;
}

double Ledger::wasted_downlink() const {
  const double time = to_seconds(finished_ - window_begin_) * topology_.hosts;
  return time > 0 ? to_seconds(wasted_) / time : 0;
}

}  // namespace homa::sim
