#include "sim/network.h"

#include <algorithm>
#include <bit>

#include "base/failure.h"

namespace homa::sim {

Result<void, Error> SwitchConfig::validate() const {
  const auto refused = [](const char* text) {
    return failure(ErrorCode::kInvalidArgument, std::string("switch: ") + text);
  };
  if (buffer_bytes < 2'000) return refused("buffer_bytes must be at least 2000");
  if (shared_percent < 1 || shared_percent > 10'000) {
    return refused("shared_percent must be 1..10000");
  }
  return {};
}

Network::Network(const TopologyConfig& topology, const SwitchConfig& switches, std::uint64_t seed,
                 EventQueue& events, PacketPool& packets)
    : topology_(topology),
      switches_(switches),
      events_(events),
      packets_(packets),
      spray_(derived_seed(seed, 1)),
      fault_random_(derived_seed(seed, 2)),
      link_up_(topology.hosts, true),
      shared_used_(topology.racks + topology.spine_count()) {
  // route() relies on this order: NICs, leaf to host, leaf to spine, spine to leaf.
  const NodeId first_leaf = topology.hosts;
  const NodeId first_spine = first_leaf + topology.racks;
  for (HostId host = 0; host < topology.hosts; ++host) {
    ports_.push_back(make_port(PortKind::kHostNic, host, first_leaf + topology.rack_of(host)));
  }
  for (HostId host = 0; host < topology.hosts; ++host) {
    ports_.push_back(make_port(PortKind::kLeafDown, first_leaf + topology.rack_of(host), host));
  }
  for (std::uint32_t rack = 0; rack < topology.racks; ++rack) {
    for (std::uint32_t spine = 0; spine < topology.spine_count(); ++spine) {
      ports_.push_back(make_port(PortKind::kLeafUp, first_leaf + rack, first_spine + spine));
    }
  }
  for (std::uint32_t spine = 0; spine < topology.spine_count(); ++spine) {
    for (std::uint32_t rack = 0; rack < topology.racks; ++rack) {
      ports_.push_back(make_port(PortKind::kSpineDown, first_spine + spine, first_leaf + rack));
    }
  }
}

Network::Port Network::make_port(PortKind kind, NodeId node, NodeId next_node) const {
  Port port;
  port.kind = kind;
  port.node = node >= topology_.hosts ? node - topology_.hosts : 0;
  port.next_node = next_node;
  port.head.fill(kNoPacket);
  port.tail.fill(kNoPacket);
  const bool at_host = kind == PortKind::kHostNic || kind == PortKind::kLeafDown;
  port.rate = LinkRate(at_host ? topology_.host_bits_per_second : topology_.spine_bits_per_second);
  port.delay = topology_.propagation;
  // The fixed delays of the next node and of the sending host depend on nothing that happens there.
  // Adding them to the link's delay saves an event per hop.
  port.delay += kind == PortKind::kLeafDown ? topology_.host_receive_delay : topology_.switch_delay;
  if (kind == PortKind::kHostNic) port.delay += topology_.host_send_delay;
  return port;
}

PortId Network::route(NodeId node, const Packet& packet) {
  const std::uint32_t hosts = topology_.hosts;
  const std::uint32_t racks = topology_.racks;
  const std::uint32_t spines = topology_.spine_count();
  const std::uint32_t rack = topology_.rack_of(packet.destination);
  const std::uint32_t place = node - hosts;
  if (place >= racks) return 2 * hosts + racks * spines + (place - racks) * racks + rack;
  if (place == rack) return hosts + packet.destination;
  const std::uint32_t spine =
      switches_.paths == PathChoice::kPerPacket ? spray_.below(spines) : packet.flow_hash % spines;
  return 2 * hosts + place * spines + spine;
}

bool Network::nic_idle(SimTime now, HostId host) const {
  const Port& nic = ports_[host];
  return now >= nic.busy_until && nic.waiting == 0;
}

void Network::send(SimTime now, HostId host, PacketId packet_id) {
  Port& nic = ports_[host];
  if (now >= nic.busy_until && nic.waiting == 0) {
    start(now, host, packet_id);
    return;
  }
  Packet& packet = packets_[packet_id];
  note_change(nic, now);
  nic.queued_bytes += packet.wire_bytes;
  packet.enqueued = now;
  packet.next = kNoPacket;
  // A NIC is one FIFO. Only switches have priorities.
  if (nic.waiting == 0) {
    nic.head[0] = packet_id;
    nic.waiting = 1;
  } else {
    packets_[nic.tail[0]].next = packet_id;
  }
  nic.tail[0] = packet_id;
}

void Network::on_switch_arrival(SimTime now, NodeId node, PacketId packet) {
  ++counters_.forwarded;
  enqueue(now, route(node, packets_[packet]), packet);
}

bool Network::admit(const Port& port, std::uint32_t bytes) const {
  switch (switches_.buffer) {
    case BufferKind::kUnbounded: return true;
    case BufferKind::kPerPort: return port.queued_bytes + bytes <= switches_.buffer_bytes;
    case BufferKind::kShared: break;
  }
  const std::uint64_t used = shared_used_[port.node];
  if (used + bytes > switches_.buffer_bytes) return false;
  return port.queued_bytes <= (switches_.buffer_bytes - used) * switches_.shared_percent / 100;
}

void Network::enqueue(SimTime now, PortId id, PacketId packet_id) {
  Port& port = ports_[id];
  if (now >= port.busy_until && !port.free_pending) {
    start(now, id, packet_id);
    return;
  }
  Packet& packet = packets_[packet_id];
  if (!admit(port, packet.wire_bytes)) {
    ++counters_.dropped_buffer;
    packets_.give_back(packet_id);
    return;
  }
  if (switches_.ecn_threshold_bytes > 0 && packet.ecn_capable &&
      port.queued_bytes >= switches_.ecn_threshold_bytes) {
    packet.ecn_marked = true;
    ++counters_.marked;
  }
  const std::size_t level = switches_.strict_priorities ? packet.priority : 0;
  if (packet.priority > port.on_link && switches_.strict_priorities && port.busy_until > now) {
    packet.lower_wait += (port.busy_until - now).count();
  }
  note_change(port, now);
  port.queued_bytes += packet.wire_bytes;
  shared_used_[port.node] += packet.wire_bytes;
  packet.enqueued = now;
  packet.next = kNoPacket;
  const auto bit = static_cast<std::uint8_t>(1U << level);
  if ((port.waiting & bit) == 0) {
    port.head[level] = packet_id;
    port.waiting |= bit;
  } else {
    packets_[port.tail[level]].next = packet_id;
  }
  port.tail[level] = packet_id;
  if (!port.free_pending) {
    port.free_pending = true;
    events_.push(port.busy_until, EventKind::kPortFree, id);
  }
}

void Network::on_port_free(SimTime now, PortId id) {
  Port& port = ports_[id];
  // A packet that arrived at the very moment when the link became free was sent before this event.
  if (now < port.busy_until) return;
  port.free_pending = false;
  if (port.waiting == 0) return;
  const auto level = static_cast<std::size_t>(std::bit_width(port.waiting) - 1);
  const PacketId packet_id = port.head[level];
  Packet& packet = packets_[packet_id];
  note_change(port, now);
  port.queued_bytes -= packet.wire_bytes;
  if (port.kind != PortKind::kHostNic) shared_used_[port.node] -= packet.wire_bytes;
  packet.waited += (now - packet.enqueued).count();
  port.head[level] = packet.next;
  if (packet.next == kNoPacket) port.waiting &= static_cast<std::uint8_t>(~(1U << level));
  start(now, id, packet_id);
}

void Network::start(SimTime now, PortId id, PacketId packet_id) {
  Port& port = ports_[id];
  const Packet& packet = packets_[packet_id];
  const SimTime duration = port.rate.time_for(packet.wire_bytes);
  port.busy_until = now + duration;
  port.busy_total += duration;
  port.on_link = packet.priority;
  // A NIC always reports when it is free, so that its host chooses the next packet as late as
  // possible. A port of a switch needs the event only if a packet waits.
  if (port.waiting != 0 || port.kind == PortKind::kHostNic) {
    port.free_pending = true;
    events_.push(port.busy_until, EventKind::kPortFree, id);
  }
  launch(port.busy_until + port.delay, port, packet_id);
}

void Network::launch(SimTime arrival, const Port& port, PacketId packet_id) {
  if (port.kind == PortKind::kHostNic) {
    const HostId host = packets_[packet_id].source;
    if (!link_up_[host] || fault_random_.chance(faults_.loss)) {
      ++counters_.dropped_fault;
      packets_.give_back(packet_id);
      return;
    }
    if (fault_random_.chance(faults_.duplication)) {
      const PacketId copy = packets_.take();
      packets_[copy] = packets_[packet_id];
      packets_[copy].next = kNoPacket;
      ++counters_.duplicated;
      events_.push(arrival, EventKind::kArrival, port.next_node, copy);
    }
    if (fault_random_.chance(faults_.reordering)) {
      arrival += SimTime(static_cast<std::int64_t>(
          fault_random_.between(0, static_cast<std::uint64_t>(faults_.held_back_max.count()))));
    }
  }
  events_.push(arrival, EventKind::kArrival, port.next_node, packet_id);
}

bool Network::delivers(HostId host) {
  if (link_up_[host]) return true;
  ++counters_.dropped_fault;
  return false;
}

void Network::start_measuring(SimTime now) {
  for (QueueStatistics& queue : queues_) queue.clear();
  for (Port& port : ports_) {
    port.changed = now;
    // The rest of the packet that is on the link counts.
    port.busy_total = std::max(SimTime::zero(), port.busy_until - now);
  }
}

void Network::settle(SimTime now) {
  for (Port& port : ports_) note_change(port, now);
}

Network::Occupancy Network::occupancy(PortKind kind) const {
  Occupancy occupancy;
  for (const Port& port : ports_) {
    if (port.kind != kind) continue;
    occupancy.total_bytes += port.queued_bytes;
    occupancy.max_bytes = std::max(occupancy.max_bytes, port.queued_bytes);
  }
  return occupancy;
}

SimTime Network::downlink_busy(SimTime now, HostId host) const {
  const Port& port = ports_[topology_.hosts + host];
  return port.busy_total - std::max(SimTime::zero(), port.busy_until - now);
}

std::uint32_t Network::ports_of(PortKind kind) const {
  std::uint32_t count = 0;
  for (const Port& port : ports_) count += port.kind == kind ? 1 : 0;
  return count;
}

std::uint64_t Network::queued_bytes() const {
  std::uint64_t sum = 0;
  for (const Port& port : ports_) sum += port.queued_bytes;
  return sum;
}

}  // namespace homa::sim
