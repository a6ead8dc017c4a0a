#include "sim/homa_transport.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/check.h"
#include "core/priority_map.h"
#include "wire/header.h"

namespace homa::sim {
namespace {

constexpr Port kServerPort{1};
constexpr Port kClientPort{40000};
// Endpoints' clocks do not begin at zero: nothing may depend on it.
constexpr Duration kEpoch = std::chrono::seconds(1);
// What a transmit token means: a message, and whether it is the response's bytes.
constexpr std::uint64_t kResponse = std::uint64_t{1} << 40;
constexpr std::size_t kFrameBytes = 70'000;

MessageId message_of(std::uint64_t token) { return static_cast<MessageId>(token & ~kResponse); }

Address address_of(HostId host) {
  return Address::v4(10, static_cast<std::uint8_t>(host >> 16),
                     static_cast<std::uint8_t>(host >> 8), static_cast<std::uint8_t>(host));
}
HostId host_at(const Address& address) {
  return HostId{address.ip[13]} << 16 | HostId{address.ip[14]} << 8 | HostId{address.ip[15]};
}

}  // namespace

struct HomaTransport::Host {
  trace::Recorder recorder;
  std::unique_ptr<core::Endpoint> endpoint;
  Time armed = kNever;  // the core's deadline that a timer event is under way for
  SimTime armed_at = kSimNever;
  HostQuirks quirks;
};

// Of the message with the same number.
struct HomaTransport::Rpc {
  RpcId client{};
  RpcId server{};
};

HomaTransport::HomaTransport(const HomaTransportConfig& config, const TopologyConfig& topology,
                             const Surroundings& surroundings)
    : config_(config), topology_(topology), sim_(surroundings), frame_(kFrameBytes) {
  if (config.check) {
    checker_ = std::make_unique<Checker>(config.core, topology.hosts, surroundings.ledger);
  }
  if (config.cutoffs_known) taught_.resize(std::size_t{topology.hosts} * topology.hosts);
  for (HostId host = 0; host < topology.hosts; ++host) {
    hosts_.push_back(std::make_unique<Host>());
    make_endpoint(host);
  }
}

HomaTransport::~HomaTransport() = default;

void HomaTransport::make_endpoint(HostId id) {
  Host& host = *hosts_[id];
  const std::uint64_t seed = derived_seed(config_.seed, 1000 + id + restarts_ * topology_.hosts);
  host.endpoint = std::make_unique<core::Endpoint>(config_.core, seed, host.recorder);
  HOMA_CHECK(host.endpoint->open_port(kServerPort).has_value());
  HOMA_CHECK(host.endpoint->open_port(kClientPort).has_value());
}

// The server's CUTOFFS, as if it had answered the RPC's first packet already.
void HomaTransport::teach_cutoffs(SimTime now, HostId client, HostId server, RpcId rpc) {
  auto taught = taught_[std::size_t{client} * topology_.hosts + server];
  if (taught) return;
  taught = true;
  const core::PriorityMap priorities(config_.core.priorities, config_.core.cutoffs);
  wire::CutoffsHeader header;
  Host& host = *hosts_[client];
  header.common.source_port = kServerPort;
  header.common.destination_port = kClientPort;
  header.common.sender_id = other_side(host.endpoint->rpc(rpc)->wire_id);
  header.common.identity = hosts_[server]->endpoint->identity_towards(address_of(client));
  header.cutoffs = priorities.cutoffs();
  header.version = priorities.version();
  wire::HeaderBuffer bytes;
  const std::size_t length = wire::encode(header, bytes);
  (void)host.endpoint->on_packet(core_time(host, now),
                                 {.source = address_of(server), .bytes = {bytes.data(), length}});
}

void HomaTransport::set_quirks(HostId host, const HostQuirks& quirks) {
  hosts_[host]->quirks = quirks;
}

Time HomaTransport::core_time(const Host& host, SimTime now) const {
  const std::int64_t nanoseconds = now.count() / 1000;
  return Time(kEpoch +
              Duration(nanoseconds + nanoseconds / 1'000'000 * host.quirks.clock_drift_ppm));
}

SimTime HomaTransport::sim_time(const Host& host, Time time) const {
  // The inverse of core_time, a little late where the division is not exact.
  const std::int64_t local = (time.time_since_epoch() - kEpoch).count();
  const std::int64_t drift = host.quirks.clock_drift_ppm;
  std::int64_t nanoseconds = local - local / (1'000'000 + drift) * drift;
  if (drift != 0) nanoseconds += drift > 0 ? 1'000 : 2'000;
  return SimTime(nanoseconds * 1000);
}

void HomaTransport::on_message(SimTime now, MessageId id) {
  const Message& message = sim_.ledger[id];
  Host& host = *hosts_[message.source];
  if (rpcs_.size() <= id) rpcs_.resize(id + 1);
  const auto started =
      host.endpoint->start(core_time(host, now), {.server = address_of(message.destination),
                                                  .server_port = kServerPort,
                                                  .client_port = kClientPort,
                                                  .length = message.bytes,
                                                  .transmit_token = core::TransmitToken{id},
                                                  .cookie = core::Cookie{id}});
  if (!started) {
    sim_.ledger.fail(now, id);
    return;
  }
  rpcs_[id].client = *started;
  if (config_.cutoffs_known) {
    teach_cutoffs(now, message.source, message.destination, *started);
  }
  settle(now, message.source, kNoPacket);
}

void HomaTransport::on_packet(SimTime now, PacketId packet_id) {
  const Packet& packet = sim_.packets[packet_id];
  const HostId id = packet.destination;
  Host& host = *hosts_[id];
  if (!sim_.network.delivers(id)) {
    sim_.packets.give_back(packet_id);
    return;
  }
  std::memcpy(frame_.data(), packet.header.data(), packet.header_length);
  const std::size_t length = packet.header_length + packet.payload_length;
  HOMA_CHECK(length <= frame_.size());
  if (checker_) checker_->on_arrival(packet);
  const core::RxOutcome outcome = host.endpoint->on_packet(
      core_time(host, now),
      {.source = address_of(packet.source), .bytes = {frame_.data(), length}});
  if (outcome.kind == core::RxOutcome::Kind::kDeliver) {
    if (checker_) checker_->on_deliver(id, outcome, packet);
    if ((packet.token & kResponse) != 0) {
      sim_.ledger.response_progress(now, outcome.new_bytes);
    } else {
      const MessageId message = message_of(packet.token);
      // The server dropped what it had of the request (a stranger's gives way), and begins anew.
      if (outcome.received == outcome.new_bytes) sim_.ledger.forget_progress(now, message);
      sim_.ledger.request_progress(now, message, outcome.new_bytes);
    }
  }
  settle(now, id, packet_id);
  sim_.packets.give_back(packet_id);
}

void HomaTransport::on_nic_free(SimTime now, HostId host) {
  transmit(now, host);
  arm(now, host);
}

void HomaTransport::on_timer(SimTime now, HostId id, std::uint32_t /*value*/) {
  Host& host = *hosts_[id];
  if (host.armed_at != now) return;  // a later call set an earlier deadline
  host.armed = kNever;
  host.armed_at = kSimNever;
  host.endpoint->on_time(core_time(host, now));
  settle(now, id, kNoPacket);
}

void HomaTransport::settle(SimTime now, HostId id, PacketId cause) {
  drain_events(now, id, cause);
  transmit(now, id);
  arm(now, id);
}

void HomaTransport::drain_events(SimTime now, HostId id, PacketId cause) {
  Host& host = *hosts_[id];
  while (const auto event = host.endpoint->poll_event()) {
    switch (event->kind) {
      case core::Event::Kind::kRequest: on_request(now, id, *event, cause); break;
      case core::Event::Kind::kResponse: on_response(now, id, *event, cause); break;
      case core::Event::Kind::kFailed:
        if (!is_served(event->rpc))
          sim_.ledger.fail(now, static_cast<MessageId>(raw(event->cookie)));
        break;
      case core::Event::Kind::kHead:  // no port asks for them
      case core::Event::Kind::kTransmitDone: break;
    }
  }
}

void HomaTransport::on_request(SimTime now, HostId id, const core::Event& event, PacketId cause) {
  Host& host = *hosts_[id];
  // A request is complete when its last packet has come, and that packet says which message it is.
  HOMA_CHECK(cause != kNoPacket);
  const Packet packet = sim_.packets[cause];
  const MessageId message = message_of(packet.token);
  const Message& record = sim_.ledger[message];
  const bool ended = record.state != Message::State::kUnderWay;  // its client died, or gave up
  if (record.bytes != event.length || host_at(event.peer) != packet.source ||
      (!ended && record.arrived != event.length)) {
    sim_.ledger.violation("message " + std::to_string(message) +
                          ": its request event has another length or client than its packets");
  }
  if (checker_) {
    checker_->on_message(id, event.buffer, event.length, message);
    checker_->on_request(message);
  }
  const Time core_now = core_time(host, now);
  host.endpoint->release(core_now, event.account, event.buffer, event.length);
  rpcs_[message].server = event.rpc;
  if (config_.request_response) {
    const SimTime wait = config_.service_time + host.quirks.application_delay;
    if (wait == SimTime::zero()) {
      answer(now, id, message);
    } else {
      sim_.events.push(now + wait, EventKind::kApplication, id, message);
    }
    return;
  }
  if (!ended) sim_.ledger.complete(now, message, packet.waited, packet.lower_wait);
  (void)host.endpoint->abort(core_now, event.rpc, ErrorCode::kOk, false);
  Host& client = *hosts_[packet.source];
  (void)client.endpoint->abort(core_time(client, now), rpcs_[message].client, ErrorCode::kOk,
                               false);
}

void HomaTransport::on_application(SimTime now, HostId host, std::uint32_t value) {
  answer(now, host, value);
  settle(now, host, kNoPacket);
}

void HomaTransport::answer(SimTime now, HostId id, MessageId message) {
  Host& host = *hosts_[id];
  // It may have ended meanwhile (its client gave up, this host restarted): then there is nothing
  // to answer, and the client's end is reported by the client.
  (void)host.endpoint->reply(core_time(host, now), rpcs_[message].server,
                             sim_.ledger.response_bytes(message),
                             core::TransmitToken{message | kResponse});
}

void HomaTransport::on_response(SimTime now, HostId id, const core::Event& event, PacketId cause) {
  Host& host = *hosts_[id];
  const auto message = static_cast<MessageId>(raw(event.cookie));
  if (checker_) {
    checker_->on_message(id, event.buffer, event.length, message | kResponse);
  }
  if (event.length != sim_.ledger.response_bytes(message)) {
    sim_.ledger.violation("message " + std::to_string(message) + ": response of wrong length");
  }
  host.endpoint->release(core_time(host, now), event.account, event.buffer, event.length);
  const bool known = cause != kNoPacket;
  sim_.ledger.complete(now, message, known ? sim_.packets[cause].waited : 0,
                       known ? sim_.packets[cause].lower_wait : 0);
}

void HomaTransport::transmit(SimTime now, HostId id) {
  Host& host = *hosts_[id];
  const Time core_now = core_time(host, now);
  if (config_.paced) {
    for (;;) {
      const core::LinkFeedback link{sim_.network.nic_queued_bytes(id)};
      const std::size_t count = host.endpoint->poll_transmit(core_now, link, burst_);
      for (std::size_t i = 0; i < count; ++i) send(now, id, burst_[i]);
      if (count < kBurst) return;
    }
  }
  // The NIC takes one packet at a time, so that the choice is made when the link falls free.
  while (sim_.network.nic_idle(now, id)) {
    if (host.endpoint->poll_transmit(core_now, {}, {burst_.data(), 1}) == 0) return;
    send(now, id, burst_[0]);
  }
}

void HomaTransport::send(SimTime now, HostId id, const core::TxPacket& tx) {
  const PacketId packet_id = sim_.packets.take();
  Packet& packet = sim_.packets[packet_id];
  packet.source = static_cast<std::uint16_t>(id);
  packet.destination = static_cast<std::uint16_t>(host_at(tx.destination));
  packet.priority = tx.priority;
  packet.header_length = tx.header_length;
  packet.payload_length = tx.payload_length;
  packet.payload_offset = tx.payload_offset;
  packet.token = raw(tx.transmit_token);
  packet.wire_bytes = topology_.packet_overhead_bytes + tx.header_length + tx.payload_length;
  packet.flow_hash = static_cast<std::uint32_t>(derived_seed(id, raw(tx.transmit_token)) >> 16);
  std::memcpy(packet.header.data(), tx.header.data(), tx.header_length);
  if (checker_) checker_->on_sent(packet, *hosts_[id]->endpoint);
  sim_.network.send(now, id, packet_id);
}

void HomaTransport::arm(SimTime now, HostId id) {
  Host& host = *hosts_[id];
  const Time deadline = host.endpoint->next_deadline();
  if (deadline >= host.armed) return;
  SimTime at = std::max(sim_time(host, deadline), now);
  // Packets that wait for the NIC are "due" all the time, but the NIC will ask for them.
  if (!config_.paced && deadline <= core_time(host, now)) {
    if (!sim_.network.nic_idle(now, id)) at = std::max(at, sim_.network.nic_free_at(id));
    at += SimTime(1000);
  }
  if (at >= host.armed_at) return;
  host.armed = deadline;
  host.armed_at = at;
  sim_.events.push(at, EventKind::kHostTimer, id);
}

void HomaTransport::restart(SimTime now, HostId id) {
  ++restarts_;
  Host& host = *hosts_[id];
  if (checker_) checker_->on_restart(id);
  make_endpoint(id);
  host.armed = kNever;
  host.armed_at = kSimNever;
  for (HostId server = 0; config_.cutoffs_known && server < topology_.hosts; ++server) {
    taught_[std::size_t{id} * topology_.hosts + server] = false;
  }
  // The applications of the host died with it, and so did what they waited for.
  for (MessageId message = 0; message < rpcs_.size(); ++message) {
    const Message& record = sim_.ledger[message];
    if (record.source == id && record.state == Message::State::kUnderWay) {
      sim_.ledger.fail(now, message);
    }
    if (record.destination == id) {
      rpcs_[message].server = kNoRpc;
      if (record.state == Message::State::kUnderWay) sim_.ledger.forget_progress(now, message);
    }
  }
  settle(now, id, kNoPacket);
}

void HomaTransport::check_at_rest(SimTime now) {
  for (HostId id = 0; id < topology_.hosts; ++id) {
    const core::Endpoint& endpoint = *hosts_[id]->endpoint;
    const std::string name =
        "host " + std::to_string(id) + " at rest at " + std::to_string(to_seconds(now)) + " s: ";
    if (endpoint.rpcs_in_progress() > 0) {
      sim_.ledger.violation(name + std::to_string(endpoint.rpcs_in_progress()) +
                            " RPCs in progress");
    }
    if (endpoint.receive_region_used() > 0) {
      sim_.ledger.violation(name + std::to_string(endpoint.receive_region_used()) +
                            " bytes of receive memory in use");
    }
    if (endpoint.granted_not_received() > 0) {
      sim_.ledger.violation(name + std::to_string(endpoint.granted_not_received()) +
                            " bytes granted and never received");
    }
  }
}

HomaCounters HomaTransport::counters() const {
  HomaCounters sum;
  for (const auto& host : hosts_) {
    for (const trace::CounterValue& counter : trace::read(host->recorder.counters)) {
      sum[counter.name] += counter.value;
    }
  }
  return sum;
}

}  // namespace homa::sim
