// All hosts of one protocol, as a simulation drives them. Homa is in homa_transport.h, the
// baselines are in oracle.h and dctcp.h.
#pragma once

#include "sim/event_queue.h"
#include "sim/ledger.h"
#include "sim/network.h"
#include "sim/packet.h"

namespace homa::sim {

// The parts of a simulation that a transport uses. They outlive it.
struct Surroundings {
  EventQueue& events;
  PacketPool& packets;
  Network& network;
  Ledger& ledger;
};

class Transport {
 public:
  Transport() = default;
  virtual ~Transport() = default;
  Transport(const Transport&) = delete;
  Transport& operator=(const Transport&) = delete;

  // The application of the message's source hands it over.
  virtual void on_message(SimTime now, MessageId message) = 0;
  // A packet reached its destination. Takes the packet.
  virtual void on_packet(SimTime now, PacketId packet) = 0;
  // The host's NIC has nothing more to send.
  virtual void on_nic_free(SimTime now, HostId host) = 0;
  // EventKind::kHostTimer, as pushed by the transport.
  virtual void on_timer(SimTime now, HostId host, std::uint32_t value) = 0;
  // EventKind::kApplication, as pushed by the transport.
  virtual void on_application(SimTime /*now*/, HostId /*host*/, std::uint32_t /*value*/) {}
  // The host loses all its state and starts afresh.
  virtual void restart(SimTime /*now*/, HostId /*host*/) {}
  // Nothing happens any more. Checks what must hold then, and reports violations to the ledger.
  virtual void check_at_rest(SimTime /*now*/) {}
};

}  // namespace homa::sim
