// Endpoints joined by an unreliable link in virtual time: the bench on which the core is tested.
//
// Each host is one core::Endpoint with its transmit memory and receive region. A packet takes a
// fixed delay; by chance it is lost, doubled, or held back. The same configuration, seed and calls
// give the same run, bit for bit; trace_hash() says so. Nothing here knows what is right: an
// Application (who sends what) and an Observer (what must hold of packets) do.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <queue>
#include <span>
#include <string>
#include <vector>

#include "core/endpoint.h"
#include "support/random.h"

namespace homa::test {

using HostIndex = std::size_t;

struct NetworkConfig {
  std::size_t hosts = 2;
  core::CoreConfig core;
  std::uint64_t seed = 1;
  Duration delay{5'000};  // from host to host
  // Chances per packet until faults_end.
  double loss = 0, duplication = 0, reordering = 0;
  Duration reorder_delay_max{1'000'000};
  Time faults_end = kNever;
};

class VirtualNetwork;

// Sees every event of every host. `bytes`: of a kRequest or kResponse, valid until release.
class Application {
 public:
  virtual ~Application() = default;
  virtual void on_event(VirtualNetwork& network, HostIndex host, const core::Event& event,
                        std::span<const std::byte> bytes) = 0;
};

// Sees every packet when its sender hands it over, before chance decides, and when it arrives.
class Observer {
 public:
  virtual ~Observer() = default;
  virtual void on_sent(VirtualNetwork& network, HostIndex host, HostIndex destination,
                       std::span<const std::byte> packet) = 0;
  virtual void on_received(VirtualNetwork& network, HostIndex host, HostIndex source,
                           std::span<const std::byte> packet, const core::RxOutcome& outcome) = 0;
};

class VirtualNetwork {
 public:
  VirtualNetwork(const NetworkConfig& config, Application& application, Observer* observer);

  // Where a host is at first, and which host that is.
  static Address address(HostIndex host);
  static HostIndex host_of(const Address& address);

  // From now on the host is at another address. Packets under way arrive where they were sent. What
  // is sent to an address without a host is lost; what is sent to one that hosts share reaches all.
  void set_address(HostIndex host, const Address& address);
  Address address_of(HostIndex host) const { return hosts_[host].address; }
  // The host is at this address too. Of the two, each of its packets leaves from either, by chance.
  void add_address(HostIndex host, const Address& address);
  // A packet from nowhere.
  void inject(HostIndex to, const Address& source, std::span<const std::byte> packet);

  Time now() const { return now_; }
  const NetworkConfig& config() const { return config_; }
  core::Endpoint& endpoint(HostIndex host) { return *hosts_[host].endpoint; }
  const trace::Counters& counters(HostIndex host) const { return hosts_[host].recorder->counters; }

  // Calls `action` at `when` (not before now()); what it did to endpoints is then carried out.
  void at(Time when, std::function<void()> action);

  // Start and reply with the bytes of a message; the network keeps them until kTransmitDone.
  Result<RpcId, ErrorCode> start(HostIndex host, core::Request request,
                                 std::vector<std::byte> bytes);
  Result<void, ErrorCode> reply(HostIndex host, RpcId rpc, std::vector<std::byte> bytes);
  // Gives an event's buffer back; its bytes are overwritten, so that a later use shows.
  void release(HostIndex host, const core::Event& event);
  // The host loses everything and starts anew, as a killed and restarted process does.
  void restart(HostIndex host);
  // Every packet to and from the host is lost from now on, or no longer.
  void set_unplugged(HostIndex host, bool unplugged) { hosts_[host].unplugged = unplugged; }

  // Packets (Homa header and payload) longer than `bytes` are lost from now on. `told`: their
  // sender learns it by ICMP, and hosts learn at once that the path became wider.
  void set_path(std::uint32_t bytes, bool told);

  // Runs until nothing is left to do or `until` has come.
  void run(Time until);

  // Transmit messages not yet given back by kTransmitDone.
  std::size_t transmit_messages(HostIndex host) const { return hosts_[host].transmit.size(); }
  std::uint64_t trace_hash() const { return trace_hash_; }
  std::uint64_t packets_sent() const { return packets_sent_; }

  void violation(const std::string& what);
  const std::vector<std::string>& violations() const { return violations_; }

 private:
  struct Host {
    std::unique_ptr<trace::Recorder> recorder;
    std::unique_ptr<core::Endpoint> endpoint;
    std::unique_ptr<std::byte[]> region;
    std::map<core::TransmitToken, std::vector<std::byte>> transmit;
    std::uint64_t next_token = 1;
    Time wake_at = kNever;
    bool unplugged = false;
    Address address;
    std::optional<Address> other_address;

    bool is_at(const Address& place) const { return place == address || place == other_address; }
  };
  struct Due {
    Time time;
    std::uint64_t order;
    std::function<void()> action;
  };
  struct Later {
    bool operator()(const Due& a, const Due& b) const {
      return a.time != b.time ? a.time > b.time : a.order > b.order;
    }
  };

  void boot(Host& host);
  void schedule(Time when, std::function<void()> action);
  void pump(HostIndex host);
  bool drain_events(HostIndex host);
  bool transmit(HostIndex host);
  void answer_path_questions(core::Endpoint& endpoint);
  void tell_too_big(HostIndex from, HostIndex to, const std::vector<std::byte>& packet);
  Address source_of(HostIndex host);
  void put_on_link(HostIndex from, const core::TxPacket& packet);
  void send(HostIndex from, HostIndex to, const std::vector<std::byte>& packet);
  void arrive(HostIndex from, HostIndex to, const Address& source,
              const std::vector<std::byte>& packet);
  core::RxOutcome receive(HostIndex to, const Address& source, std::span<const std::byte> packet);

  NetworkConfig config_;
  Application& application_;
  Observer* observer_;
  Random random_;
  Time now_{};
  std::uint64_t order_ = 0;
  std::vector<Host> hosts_;
  std::priority_queue<Due, std::vector<Due>, Later> due_;
  std::uint32_t path_bytes_ = 0xffffffff;
  std::uint32_t known_path_bytes_ = 0;  // to hosts, PathInfo::packet_bytes_max
  bool path_tells_ = false;
  bool addresses_change_ = false;
  std::uint64_t trace_hash_ = 0xcbf29ce484222325ULL;
  std::uint64_t packets_sent_ = 0;
  std::vector<std::string> violations_;
};

}  // namespace homa::test
