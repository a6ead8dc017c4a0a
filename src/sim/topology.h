// The shape of a simulated network: hosts, leaf switches, spines, rates and fixed delays. And the
// best time that any protocol could need in it, by which times are divided to give slowdowns.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "homa/error.h"
#include "homa/result.h"
#include "sim/packet.h"
#include "sim/sim_time.h"

namespace homa::sim {

enum class TopologyKind : std::uint8_t { kSingleSwitch, kLeafSpine };

struct TopologyConfig {
  TopologyKind kind = TopologyKind::kLeafSpine;
  std::uint32_t hosts = 144;                             // 2..16384
  std::uint32_t racks = 9;                               // divides hosts; 1 for a single switch
  std::uint32_t spines = 4;                              // 1..64
  std::uint64_t host_bits_per_second = 10'000'000'000;   // 1 Mbit/s .. 1 Tbit/s
  std::uint64_t spine_bits_per_second = 40'000'000'000;  // leaf <-> spine
  SimTime propagation{0};                                // per link
  SimTime switch_delay{250'000};                         // per switch, after the whole packet is in
  SimTime host_send_delay{500'000};                      // software and NIC, sending
  SimTime host_receive_delay{500'000};                   // and receiving
  // Bytes of a packet beyond its Homa (or TCP) header and payload: Ethernet 38 with preamble and
  // gap, IPv4 20.
  std::uint32_t packet_overhead_bytes = 58;

  Result<void, Error> validate() const;
  std::uint32_t hosts_per_rack() const { return hosts / racks; }
  std::uint32_t rack_of(HostId host) const { return host / hosts_per_rack(); }
  std::uint32_t spine_count() const { return kind == TopologyKind::kSingleSwitch ? 0 : spines; }
};

// How messages are cut into packets, for best times and loads.
struct PacketShape {
  std::uint32_t payload_bytes_max = 1424;
  std::uint32_t overhead_bytes = 58 + 56;  // of a DATA packet: all headers and the link's own

  std::uint64_t packets(std::uint64_t bytes) const {
    return (bytes + payload_bytes_max - 1) / payload_bytes_max;
  }
  std::uint64_t wire_bytes(std::uint64_t bytes) const {
    return bytes + packets(bytes) * overhead_bytes;
  }
};

// The least time from the moment when an application hands over a message until the application of
// the other host has it, on an idle network. Packets of the largest size leave back to back. Each
// switch forwards a packet when all of it has arrived, over the spine that is free first. This is
// exact for store and forward (docs/simulation.md#best-time). Results are remembered.
class BestTime {
 public:
  BestTime(const TopologyConfig& topology, const PacketShape& shape);
  SimTime operator()(std::uint32_t bytes, bool same_rack);

 private:
  SimTime compute(std::uint32_t bytes, bool same_rack) const;

  TopologyConfig topology_;
  PacketShape shape_;
  std::map<std::uint64_t, SimTime> known_;
};

// The time for one full DATA packet over the longest path and one GRANT back.
SimTime round_trip(const TopologyConfig& topology, const PacketShape& shape);

}  // namespace homa::sim
