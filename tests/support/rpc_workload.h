// Applications on a VirtualNetwork that send RPCs, answer them, and check what they get: every RPC
// ends exactly once at its client, every request is delivered at most once, bytes are intact, and
// in the end nothing is left in any endpoint.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/head.h"
#include "support/virtual_network.h"

namespace homa::test {

struct PlannedRpc {
  Time start;
  HostIndex client = 0;
  HostIndex server = 1;
  std::uint32_t request_length = 100;
  std::uint32_t response_length = 100;
  Duration think{0};        // from the request's arrival to the reply
  Duration hold{0};         // how long both applications keep the buffer of what they received
  Duration abort_after{0};  // the client gives up this long after the start; 0: never
  bool report_abort = false;
};

class RpcWorkload : public Application {
 public:
  static constexpr Port kServerPort{4000};

  // Before begin(): servers see the heads of longer requests first, and take a while to decide.
  void announce_above(std::uint32_t bytes) { announced_above_ = bytes; }
  // The network's hosts must be idle. Schedules all of `plan`.
  void begin(VirtualNetwork& network, std::vector<PlannedRpc> plan);
  void on_event(VirtualNetwork& network, HostIndex host, const core::Event& event,
                std::span<const std::byte> bytes) override;
  // Opens the host's ports anew after VirtualNetwork::restart(); its own RPCs are lost with it.
  void note_restart(VirtualNetwork& network, HostIndex host);
  // After the last run(): every RPC has ended, and nothing is left in memory.
  void check_end(VirtualNetwork& network);

  std::size_t completed() const { return completed_; }
  std::size_t failed() const { return failures_; }
  const std::map<ErrorCode, std::size_t>& errors() const { return errors_; }

 private:
  struct Rpc {
    PlannedRpc plan;
    RpcId id{};
    std::uint64_t wire_id = 0;
    bool started = false;
    bool aborted = false;
    bool abandoned = false;  // its client was restarted
    int delivered = 0;       // to the server's application
    int ended = 0;           // at the client's
  };

  void start(VirtualNetwork& network, std::size_t index);
  std::optional<std::size_t> sent_as(VirtualNetwork& network, std::uint64_t wire_id);
  void serve(VirtualNetwork& network, HostIndex host, const core::Event& event,
             std::span<const std::byte> bytes);
  void finish(VirtualNetwork& network, HostIndex host, const core::Event& event,
              std::span<const std::byte> bytes);
  void decide(VirtualNetwork& network, HostIndex host, const core::Event& event,
              std::span<const std::byte> bytes);
  void hold(VirtualNetwork& network, HostIndex host, const core::Event& event, Duration time);
  void open_ports(VirtualNetwork& network, HostIndex host);

  std::uint32_t announced_above_ = core::Head::kNever;
  std::vector<Rpc> rpcs_;
  std::vector<Port> client_ports_;
  std::vector<std::uint64_t> generation_;  // of each host: restarts so far
  std::map<std::uint64_t, std::size_t> by_wire_id_;
  std::size_t completed_ = 0;
  std::size_t failures_ = 0;
  std::map<ErrorCode, std::size_t> errors_;
};

// Byte `at` of a message; `which` names the message.
std::byte pattern(std::uint64_t which, std::uint32_t at);

}  // namespace homa::test
