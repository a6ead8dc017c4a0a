// core::Endpoint on every simulated host: the protocol itself, not a model of it.
//
// A message is the request of an RPC. One-way (as in the Homa paper): when the request is complete
// at the server, both ends drop the RPC silently, so neither response nor ack uses the network.
// Request-response: the server answers after its service time, and the response completes the RPC.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/endpoint.h"
#include "sim/checker.h"
#include "sim/homa_parameters.h"
#include "sim/transport.h"

namespace homa::sim {

// How a host differs from the others, for tests.
struct HostQuirks {
  std::int64_t clock_drift_ppm = 0;  // how much faster the host's clock runs
  SimTime application_delay{0};      // added to every service time
};

struct HomaTransportConfig {
  core::CoreConfig core;
  bool paced = false;
  bool request_response = false;
  SimTime service_time{0};
  std::uint64_t seed = 1;
  bool check = false;  // verify every packet and byte (Checker); for small runs
  // Senders know the cutoffs of every receiver from the start.
  bool cutoffs_known = false;
};

// The endpoints' counters by name, summed over all hosts.
using HomaCounters = std::map<std::string_view, std::uint64_t>;

class HomaTransport : public Transport {
 public:
  HomaTransport(const HomaTransportConfig& config, const TopologyConfig& topology,
                const Surroundings& surroundings);
  ~HomaTransport() override;

  void set_quirks(HostId host, const HostQuirks& quirks);

  void on_message(SimTime now, MessageId message) override;
  void on_packet(SimTime now, PacketId packet) override;
  void on_nic_free(SimTime now, HostId host) override;
  void on_timer(SimTime now, HostId host, std::uint32_t value) override;
  void on_application(SimTime now, HostId host, std::uint32_t value) override;
  void restart(SimTime now, HostId host) override;
  void check_at_rest(SimTime now) override;

  HomaCounters counters() const;

 private:
  struct Host;
  struct Rpc;
  static constexpr std::size_t kBurst = 16;

  void make_endpoint(HostId id);
  // Gives `client` the cutoffs of `server`, once. The two have an RPC in progress.
  void teach_cutoffs(SimTime now, HostId client, HostId server, RpcId rpc);
  Time core_time(const Host& host, SimTime now) const;
  SimTime sim_time(const Host& host, Time time) const;
  // After each call into an endpoint: takes its events and packets and notes its next deadline.
  void settle(SimTime now, HostId id, PacketId cause);
  void drain_events(SimTime now, HostId id, PacketId cause);
  void on_request(SimTime now, HostId id, const core::Event& event, PacketId cause);
  void on_response(SimTime now, HostId id, const core::Event& event, PacketId cause);
  void answer(SimTime now, HostId id, MessageId message);
  void transmit(SimTime now, HostId id);
  void send(SimTime now, HostId id, const core::TxPacket& tx);
  void arm(SimTime now, HostId id);

  HomaTransportConfig config_;
  TopologyConfig topology_;
  Surroundings sim_;
  std::vector<std::unique_ptr<Host>> hosts_;
  std::vector<Rpc> rpcs_;         // by message
  std::vector<bool> taught_;      // by client and server: the cutoffs are known
  std::vector<std::byte> frame_;  // the packet that is being delivered, header and payload
  std::array<core::TxPacket, kBurst> burst_;
  std::unique_ptr<Checker> checker_;
  std::uint64_t restarts_ = 0;
};

}  // namespace homa::sim
