// Links and output-queued switches: store and forward, eight strict priorities, bounded or
// unbounded buffers, ECN marks, paths chosen per flow (ECMP) or per packet (spraying).
//
// Nodes 0..hosts-1 are hosts, each with one NIC port that sends in FIFO order. Leaf switches
// follow, then spines. The network pushes events. The owner pops them and calls the method of each.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "sim/event_queue.h"
#include "sim/packet.h"
#include "sim/queue_statistics.h"
#include "sim/random.h"
#include "sim/topology.h"

namespace homa::sim {

using NodeId = std::uint32_t;
using PortId = std::uint32_t;

enum class BufferKind : std::uint8_t { kUnbounded, kPerPort, kShared };
enum class PathChoice : std::uint8_t { kPerPacket, kPerFlow };

struct SwitchConfig {
  BufferKind buffer = BufferKind::kUnbounded;
  // Bytes of waiting packets: per port with kPerPort, per switch with kShared.
  std::uint64_t buffer_bytes = 500'000;
  // kShared: a port may hold at most this percentage of the bytes that are free (dynamic
  // threshold).
  std::uint32_t shared_percent = 100;
  PathChoice paths = PathChoice::kPerPacket;
  std::uint64_t ecn_threshold_bytes = 0;  // mark packets that meet a queue this long; 0: never
  bool strict_priorities = true;          // false: one FIFO for all

  Result<void, Error> validate() const;
};

// Faults of the links from hosts to switches. None by default.
struct LinkFaults {
  double loss = 0;
  double duplication = 0;
  double reordering = 0;     // share of packets that are delayed
  SimTime held_back_max{0};  // by at most this
};

struct NetworkCounters {
  std::uint64_t forwarded = 0;
  std::uint64_t dropped_buffer = 0;
  std::uint64_t dropped_fault = 0;
  std::uint64_t duplicated = 0;
  std::uint64_t marked = 0;
};

class Network {
 public:
  // The references outlive the network. `seed`: for spraying and faults.
  Network(const TopologyConfig& topology, const SwitchConfig& switches, std::uint64_t seed,
          EventQueue& events, PacketPool& packets);

  // --- Hosts ---
  // True when the host's NIC sends nothing and holds nothing.
  bool nic_idle(SimTime now, HostId host) const;
  std::uint64_t nic_queued_bytes(HostId host) const { return ports_[host].queued_bytes; }
  SimTime nic_free_at(HostId host) const { return ports_[host].busy_until; }
  // Hands a packet to its source's NIC. Takes the packet.
  void send(SimTime now, HostId host, PacketId packet);

  // --- Events ---
  // The packet is in a switch. Takes the packet.
  void on_switch_arrival(SimTime now, NodeId node, PacketId packet);
  void on_port_free(SimTime now, PortId port);
  bool is_host(NodeId node) const { return node < topology_.hosts; }

  // --- Faults ---
  void set_faults(const LinkFaults& faults) { faults_ = faults; }
  // While the link of a host is down, packets from it and to it are lost.
  void set_link_up(HostId host, bool up) { link_up_[host] = up; }
  // For a packet that is about to be delivered to a host: false if its link is down (counted).
  bool delivers(HostId host);

  // --- Measurement ---
  // Queue statistics and busy times start again at 0.
  void start_measuring(SimTime now);
  // Brings the statistics of all ports up to now.
  void settle(SimTime now);
  const QueueStatistics& queues(PortKind kind) const { return queues_[index(kind)]; }
  // At this moment, over the ports of a kind.
  struct Occupancy {
    std::uint64_t total_bytes = 0;
    std::uint64_t max_bytes = 0;
  };
  Occupancy occupancy(PortKind kind) const;
  // How long a host's downlink has been sending since measuring started.
  SimTime downlink_busy(SimTime now, HostId host) const;
  const NetworkCounters& counters() const { return counters_; }
  std::uint32_t ports_of(PortKind kind) const;
  // Bytes that wait anywhere: 0 when the network is idle.
  std::uint64_t queued_bytes() const;

 private:
  struct Port {
    std::uint64_t queued_bytes = 0;  // without the packet that is on the link
    SimTime busy_until{0};
    LinkRate rate;
    SimTime delay{0};  // from the last bit on the link until the next node acts on the packet
    NodeId next_node = 0;
    std::uint32_t node = 0;  // of the switch it belongs to, for shared buffers
    std::array<PacketId, kPriorities> head;
    std::array<PacketId, kPriorities> tail;
    std::uint8_t waiting = 0;  // bit p: packets of priority p wait
    Priority on_link = 0;
    bool free_pending = false;
    PortKind kind = PortKind::kHostNic;
    SimTime changed{0};  // when queued_bytes changed last
    SimTime busy_total{0};
  };

  static constexpr std::size_t index(PortKind kind) { return static_cast<std::size_t>(kind); }
  Port make_port(PortKind kind, NodeId node, NodeId next_node) const;
  PortId route(NodeId node, const Packet& packet);
  void enqueue(SimTime now, PortId id, PacketId packet_id);
  bool admit(const Port& port, std::uint32_t bytes) const;
  void start(SimTime now, PortId id, PacketId packet_id);
  void launch(SimTime arrival, const Port& port, PacketId packet_id);
  void note_change(Port& port, SimTime now) {
    queues_[index(port.kind)].add(port.queued_bytes, now - port.changed);
    port.changed = now;
  }

  TopologyConfig topology_;
  SwitchConfig switches_;
  EventQueue& events_;
  PacketPool& packets_;
  Random spray_;
  Random fault_random_;
  LinkFaults faults_;
  std::vector<bool> link_up_;
  std::vector<Port> ports_;
  std::vector<std::uint64_t> shared_used_;  // by switch
  std::array<QueueStatistics, kPortKinds> queues_;
  NetworkCounters counters_;
};

}  // namespace homa::sim
