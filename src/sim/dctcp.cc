#include "sim/dctcp.h"

#include <algorithm>

#include "base/failure.h"

namespace homa::sim {
namespace {
constexpr int kDoublingsMax = 10;
}

Result<void, Error> DctcpConfig::validate() const {
  if (segment_bytes < 64 || segment_bytes > 65'000 || header_bytes > 200 ||
      initial_window_segments < 1 || !(gain > 0) || gain > 1 || timeout_min <= SimTime::zero()) {
    return failure(ErrorCode::kInvalidArgument,
                   "dctcp: segment_bytes must be 64..65000, header_bytes up to 200, "
                   "initial_window_segments and timeout_min positive, gain in (0, 1]");
  }
  return {};
}

struct DctcpTransport::Flow {
  MessageId message = 0;
  HostId source = 0;
  HostId destination = 0;
  std::uint32_t bytes = 0;
  // The sender.
  std::uint32_t next = 0;
  std::uint32_t sent = 0;  // at any time: next falls back to acked when a timer expires
  std::uint32_t acked = 0;
  double window = 0;  // bytes
  double slow_start_until = 1e18;
  double alpha = 1;
  std::uint32_t round_end = 0;  // alpha is updated when this byte is acked
  std::uint32_t round_acked = 0;
  std::uint32_t round_marked = 0;
  std::uint32_t recover = 0;  // what was sent when the last loss was noticed
  bool recovering = false;    // by fast retransmission, until that is acked
  int repeated_acks = 0;
  bool resend = false;  // the segment at `acked` first
  bool ready = false;
  RoundTrip* round_trip = nullptr;
  int timeouts = 0;  // since the last new ack
  SimTime timeout_at{0};
  bool timer = false;  // an event is under way
  // The receiver.
  std::vector<bool> arrived;  // by segment
  std::uint32_t expected = 0;

  bool can_send() const {
    return resend || (next < bytes && static_cast<double>(next - acked) < window);
  }
};

DctcpTransport::DctcpTransport(const DctcpConfig& config, const TopologyConfig& topology,
                               const Surroundings& surroundings)
    : config_(config), topology_(topology), sim_(surroundings), hosts_(topology.hosts) {}

DctcpTransport::~DctcpTransport() = default;

void DctcpTransport::on_message(SimTime now, MessageId id) {
  const Message& message = sim_.ledger[id];
  auto flow = std::make_unique<Flow>();
  flow->message = id;
  flow->source = message.source;
  flow->destination = message.destination;
  flow->bytes = message.bytes;
  flow->window = static_cast<double>(config_.segment_bytes) * config_.initial_window_segments;
  flow->round_trip = &round_trips_[{message.source, message.destination}];
  flow->arrived.resize((message.bytes + config_.segment_bytes - 1) / config_.segment_bytes);
  if (flows_.size() <= id) flows_.resize(id + 1);
  flows_[id] = std::move(flow);
  make_ready(*flows_[id]);
  transmit(now, message.source);
}

void DctcpTransport::RoundTrip::add(SimTime sample) {
  if (smoothed == SimTime::zero()) {
    smoothed = sample;
    variation = sample / 2;
    return;
  }
  const SimTime off = sample > smoothed ? sample - smoothed : smoothed - sample;
  variation += (off - variation) / 4;
  smoothed += (sample - smoothed) / 8;
}

SimTime DctcpTransport::timeout(const Flow& flow) const {
  const SimTime measured = flow.round_trip->smoothed + 4 * flow.round_trip->variation;
  return std::max(measured, config_.timeout_min) * (1 << std::min(flow.timeouts, kDoublingsMax));
}

void DctcpTransport::make_ready(Flow& flow) {
  if (flow.ready || !flow.can_send()) return;
  flow.ready = true;
  hosts_[flow.source].ready.push_back(flow.message);
}

void DctcpTransport::on_nic_free(SimTime now, HostId host) { transmit(now, host); }

void DctcpTransport::transmit(SimTime now, HostId host) {
  while (sim_.network.nic_idle(now, host)) {
    const PacketId packet = next_packet(now, host);
    if (packet == kNoPacket) return;
    sim_.network.send(now, host, packet);
  }
}

PacketId DctcpTransport::next_packet(SimTime now, HostId id) {
  Host& host = hosts_[id];
  if (!host.acks.empty()) {
    const PacketId ack = host.acks.front();
    host.acks.pop_front();
    return ack;
  }
  while (!host.ready.empty()) {
    const MessageId message = host.ready.front();
    host.ready.pop_front();
    Flow* flow = flows_[message].get();
    if (flow == nullptr) continue;  // wholly acked meanwhile
    flow->ready = false;
    if (!flow->can_send()) continue;
    const std::uint32_t sequence = flow->resend ? flow->acked : flow->next;
    if (sequence < flow->sent) ++retransmitted_;
    flow->resend = false;
    const PacketId packet = make_segment(*flow, sequence);
    flow->next = std::max(flow->next, sequence + sim_.packets[packet].payload_length);
    flow->sent = std::max(flow->sent, flow->next);
    sim_.packets[packet].segment.sent = now;
    flow->timeout_at = now + timeout(*flow);
    if (!flow->timer) {
      flow->timer = true;
      sim_.events.push(flow->timeout_at, EventKind::kHostTimer, id, message);
    }
    make_ready(*flow);
    return packet;
  }
  return kNoPacket;
}

PacketId DctcpTransport::make_segment(Flow& flow, std::uint32_t sequence) {
  const PacketId id = sim_.packets.take();
  Packet& packet = sim_.packets[id];
  packet.source = static_cast<std::uint16_t>(flow.source);
  packet.destination = static_cast<std::uint16_t>(flow.destination);
  packet.payload_length = std::min(config_.segment_bytes, flow.bytes - sequence);
  packet.wire_bytes =
      topology_.packet_overhead_bytes + config_.header_bytes + packet.payload_length;
  packet.flow_hash = static_cast<std::uint32_t>(derived_seed(flow.message, 7) >> 16);
  packet.ecn_capable = true;
  packet.segment = {flow.message, sequence, packet.payload_length, false, false, {}};
  return id;
}

void DctcpTransport::on_packet(SimTime now, PacketId id) {
  const Packet packet = sim_.packets[id];
  sim_.packets.give_back(id);
  if (!sim_.network.delivers(packet.destination)) return;
  if (packet.segment.is_ack) {
    on_ack(now, packet.segment);
  } else {
    on_data(now, packet);
  }
  transmit(now, packet.destination);
}

void DctcpTransport::on_data(SimTime now, const Packet& packet) {
  Flow* flow = flows_[packet.segment.flow].get();
  if (flow == nullptr) return;  // a late copy
  const std::size_t index = packet.segment.sequence / config_.segment_bytes;
  if (!flow->arrived[index]) {
    flow->arrived[index] = true;
    sim_.ledger.request_progress(now, flow->message, packet.segment.length);
    while (flow->expected < flow->bytes && flow->arrived[flow->expected / config_.segment_bytes]) {
      flow->expected = std::min(flow->bytes, flow->expected + config_.segment_bytes);
    }
    if (flow->expected == flow->bytes) {
      sim_.ledger.complete(now, flow->message, packet.waited, packet.lower_wait);
    }
  }
  const PacketId ack_id = sim_.packets.take();
  Packet& ack = sim_.packets[ack_id];
  ack.source = packet.destination;
  ack.destination = packet.source;
  ack.wire_bytes = topology_.packet_overhead_bytes + config_.header_bytes;
  ack.flow_hash = packet.flow_hash;
  ack.segment = {flow->message, flow->expected, 0, true, packet.ecn_marked, packet.segment.sent};
  hosts_[packet.destination].acks.push_back(ack_id);
}

void DctcpTransport::on_ack(SimTime now, const SegmentFields& ack) {
  Flow* flow = flows_[ack.flow].get();
  if (flow == nullptr) return;
  flow->round_trip->add(now - ack.sent);
  if (ack.sequence > flow->acked) {
    const std::uint32_t newly = ack.sequence - flow->acked;
    flow->acked = ack.sequence;
    flow->next = std::max(flow->next, flow->acked);
    flow->repeated_acks = 0;
    flow->timeouts = 0;
    if (flow->acked >= flow->bytes) {
      flows_[ack.flow].reset();
      return;
    }
    // A partial ack while recovering: the segment behind it is lost as well (RFC 6582).
    flow->recovering = flow->recovering && flow->acked < flow->recover;
    if (flow->recovering) flow->resend = true;
    flow->timeout_at = now + timeout(*flow);
    adapt_window(*flow, newly, ack.echo);
  } else if (++flow->repeated_acks == 3 && flow->acked >= flow->recover) {
    // (Below `recover`, repeated acks come from copies that a timeout sent: RFC 6582.)
    flow->recovering = true;
    flow->recover = flow->sent;
    flow->resend = true;
    flow->window = std::max(flow->window / 2, static_cast<double>(config_.segment_bytes));
    flow->slow_start_until = flow->window;
  }
  make_ready(*flow);
}

void DctcpTransport::adapt_window(Flow& flow, std::uint32_t newly, bool marked) {
  flow.round_acked += newly;
  if (marked) flow.round_marked += newly;
  if (marked) flow.slow_start_until = std::min(flow.slow_start_until, flow.window);
  if (flow.window < flow.slow_start_until) {
    flow.window += newly;
  } else {
    flow.window += static_cast<double>(config_.segment_bytes) * newly / flow.window;
  }
  if (flow.acked < flow.round_end) return;
  const double share = static_cast<double>(flow.round_marked) / flow.round_acked;
  flow.alpha = (1 - config_.gain) * flow.alpha + config_.gain * share;
  if (flow.round_marked > 0) {
    flow.window =
        std::max(flow.window * (1 - flow.alpha / 2), static_cast<double>(config_.segment_bytes));
    flow.slow_start_until = flow.window;
  }
  flow.round_end = flow.next;
  flow.round_acked = flow.round_marked = 0;
}

void DctcpTransport::on_timer(SimTime now, HostId host, std::uint32_t value) {
  Flow* flow = flows_[value].get();
  if (flow == nullptr) return;
  if (now < flow->timeout_at) {
    sim_.events.push(flow->timeout_at, EventKind::kHostTimer, host, value);
    return;
  }
  if (flow->next == flow->acked) {  // nothing is out: it waits for its turn at the NIC
    flow->timer = false;
    return;
  }
  ++flow->timeouts;
  flow->slow_start_until = std::max(flow->window / 2, 2.0 * config_.segment_bytes);
  flow->window = config_.segment_bytes;
  flow->recover = flow->sent;
  flow->recovering = false;
  flow->next = flow->acked;
  flow->repeated_acks = 0;
  flow->resend = false;
  flow->timeout_at = now + timeout(*flow);
  sim_.events.push(flow->timeout_at, EventKind::kHostTimer, host, value);
  make_ready(*flow);
  transmit(now, host);
}

}  // namespace homa::sim
