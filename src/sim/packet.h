// A packet in the simulated network, and the pool of all packets.
#pragma once

#include <cstdint>
#include <vector>

#include "base/types.h"
#include "sim/sim_time.h"
#include "wire/codec.h"

namespace homa::sim {

using HostId = std::uint32_t;
using PacketId = std::uint32_t;
inline constexpr PacketId kNoPacket = 0xffffffff;

// The header fields of a DCTCP packet. It has no Homa header.
struct SegmentFields {
  std::uint32_t flow = 0;
  std::uint32_t sequence = 0;  // data: first byte's offset; ack: next byte expected
  std::uint32_t length = 0;
  bool is_ack = false;
  bool echo = false;  // ack: the segment it answers was marked
  SimTime sent{};     // data: when it left; ack: when its segment left (like TCP's timestamps)
};

struct Packet {
  PacketId next = kNoPacket;     // in the queue of a port
  std::uint32_t wire_bytes = 0;  // on the link, with preamble and gap
  std::uint32_t flow_hash = 0;   // equal for all packets of a flow, so ECMP keeps them on one path
  std::uint16_t source = 0;
  std::uint16_t destination = 0;
  Priority priority = 0;
  std::uint8_t header_length = 0;
  bool ecn_capable = false;
  bool ecn_marked = false;
  std::uint32_t payload_length = 0;
  std::uint32_t payload_offset = 0;
  std::uint64_t token = 0;      // its message, as the transport names it
  SimTime enqueued{};           // when it joined the queue in which it waits
  std::int64_t waited = 0;      // picoseconds in queues so far
  std::int64_t lower_wait = 0;  // of these, behind a packet of lower priority that was on the link
  SegmentFields segment;
  wire::HeaderBuffer header;
};

class PacketPool {
 public:
  // A packet with default values. The bytes of the header are unspecified.
  PacketId take() {
    if (free_ == kNoPacket) grow();
    const PacketId id = free_;
    Packet& packet = packets_[id];
    free_ = packet.next;
    ++in_use_;
    packet.next = kNoPacket;
    packet.priority = 0;
    packet.header_length = 0;
    packet.ecn_capable = packet.ecn_marked = false;
    packet.payload_length = packet.payload_offset = 0;
    packet.token = 0;
    packet.waited = packet.lower_wait = 0;
    return id;
  }
  void give_back(PacketId id) {
    packets_[id].next = free_;
    free_ = id;
    --in_use_;
  }
  // Valid until the next take().
  Packet& operator[](PacketId id) { return packets_[id]; }
  std::size_t in_use() const { return in_use_; }

 private:
  void grow() {
    const std::size_t old = packets_.size();
    packets_.resize(old == 0 ? 1024 : old * 2);
    for (std::size_t i = packets_.size(); i-- > old;) {
      packets_[i].next = free_;
      free_ = static_cast<PacketId>(i);
    }
  }

  std::vector<Packet> packets_;
  PacketId free_ = kNoPacket;
  std::size_t in_use_ = 0;
};

}  // namespace homa::sim
