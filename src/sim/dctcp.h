// DCTCP (Alizadeh et al., SIGCOMM 2010; RFC 8257) over switches that mark packets, as datacenters
// run it today. Each message is a flow without a handshake, with an initial window of ten segments
// and an ack for every segment. The flows of a host take turns. These choices favour DCTCP.
// Retransmission timers follow the measured round trips (RFC 6298). Flows between the same hosts
// share their measurements, as Linux keeps them per destination.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "sim/topology.h"
#include "sim/transport.h"

namespace homa::sim {

struct DctcpConfig {
  std::uint32_t segment_bytes = 1448;  // payload; with 32 bytes of TCP header and options
  std::uint32_t header_bytes = 32;
  std::uint32_t initial_window_segments = 10;
  double gain = 1.0 / 16;              // weight of a new sample in the average of marks
  SimTime timeout_min{5'000'000'000};  // 5 ms; also before a round trip was measured

  Result<void, Error> validate() const;
};

class DctcpTransport : public Transport {
 public:
  DctcpTransport(const DctcpConfig& config, const TopologyConfig& topology,
                 const Surroundings& surroundings);
  ~DctcpTransport() override;

  void on_message(SimTime now, MessageId message) override;
  void on_packet(SimTime now, PacketId packet) override;
  void on_nic_free(SimTime now, HostId host) override;
  // `value` is the flow whose retransmission timer this is.
  void on_timer(SimTime now, HostId host, std::uint32_t value) override;

  std::uint64_t retransmitted_segments() const { return retransmitted_; }

 private:
  struct Flow;
  // Measured between two hosts.
  struct RoundTrip {
    SimTime smoothed{0};  // 0: none measured
    SimTime variation{0};
    void add(SimTime sample);
  };
  struct Host {
    std::deque<PacketId> acks;
    std::deque<MessageId> ready;  // flows with something to send, in turn
  };

  void on_data(SimTime now, const Packet& packet);
  void on_ack(SimTime now, const SegmentFields& ack);
  // How long to wait for an ack. It doubles with each timeout of the flow.
  SimTime timeout(const Flow& flow) const;
  void adapt_window(Flow& flow, std::uint32_t newly, bool marked);
  void make_ready(Flow& flow);
  void transmit(SimTime now, HostId host);
  PacketId next_packet(SimTime now, HostId host);
  PacketId make_segment(Flow& flow, std::uint32_t sequence);

  DctcpConfig config_;
  TopologyConfig topology_;
  Surroundings sim_;
  std::vector<Host> hosts_;
  std::vector<std::unique_ptr<Flow>> flows_;  // by message; null when all of it is acked
  std::map<std::pair<HostId, HostId>, RoundTrip> round_trips_;
  std::uint64_t retransmitted_ = 0;
};

}  // namespace homa::sim
