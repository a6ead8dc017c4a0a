// A scheduler that knows everything at once. At every moment the message with the fewest bytes left
// is sent if its source's and its destination's links are free, then the next one, and so on.
// Preemption is free, and signals take no time. A message is sent at the full rate of the hosts'
// links. Then it takes the rest of its best possible time. There are no packets and no queues.
#pragma once

#include <cstdint>
#include <vector>

#include "sim/topology.h"
#include "sim/transport.h"

namespace homa::sim {

class OracleTransport : public Transport {
 public:
  OracleTransport(const TopologyConfig& topology, const PacketShape& shape,
                  const Surroundings& surroundings);

  void on_message(SimTime now, MessageId message) override;
  void on_packet(SimTime now, PacketId packet) override;
  void on_nic_free(SimTime now, HostId host) override;
  // `value` names the decision that set the timer. After a later decision the timer has no effect.
  void on_timer(SimTime now, HostId host, std::uint32_t value) override;
  // The last bytes of message `value` are in.
  void on_application(SimTime now, HostId host, std::uint32_t value) override;

 private:
  struct Flow {
    MessageId message = 0;
    std::uint16_t source = 0;
    std::uint16_t destination = 0;
    bool sending = false;
    SimTime left{};  // how long it still needs its two links
  };

  void advance(SimTime now);
  void decide(SimTime now);

  TopologyConfig topology_;
  PacketShape shape_;
  Surroundings sim_;
  BestTime best_;
  LinkRate rate_;
  std::vector<Flow> flows_;                  // least time left first
  std::vector<std::uint64_t> source_taken_;  // by host: the last decision that used its link
  std::vector<std::uint64_t> destination_taken_;
  SimTime decided_{0};
  std::uint64_t decision_ = 0;
};

}  // namespace homa::sim
