// Watches every packet and byte of Homa's hosts and complains of what must never happen:
//  - a request delivered twice, or an RPC that ends twice;
//  - a byte sent beyond what is unscheduled or was granted;
//  - a byte delivered that is not the one that was sent, or into memory of another message;
//  - a grant although more is granted and not received than max_incoming allows;
//  - at rest: RPCs, buffers or packets that remain.
// Content is checked by writing each payload into memory as long as the receive region.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "core/endpoint.h"
#include "sim/ledger.h"
#include "sim/packet.h"

namespace homa::sim {

class Checker {
 public:
  // `ledger` takes the complaints and outlives the checker. The configuration's receive region is
  // allocated once per host.
  Checker(const core::CoreConfig& core, std::uint32_t hosts, Ledger& ledger);

  // A host hands a packet that `endpoint` gave to its NIC.
  void on_sent(const Packet& packet, const core::Endpoint& endpoint);
  // A host is about to take a packet.
  void on_arrival(const Packet& packet);
  // The endpoint wants payload bytes stored.
  void on_deliver(HostId host, const core::RxOutcome& outcome, const Packet& packet);
  // A whole message is in memory: the request (or response) that `token` names.
  void on_message(HostId host, core::BufferOffset buffer, std::uint32_t length,
                  std::uint64_t token);
  // An application saw a request.
  void on_request(MessageId message);
  // The host lost its state.
  void on_restart(HostId host);

 private:
  // A direction of an RPC, at its sender: what may be sent.
  struct Allowance {
    std::uint64_t token = 0;
    std::uint32_t limit = 0;
  };
  using WireKey = std::pair<HostId, std::uint64_t>;  // the sending host and its id of the RPC

  static std::byte expected(std::uint64_t token, std::uint32_t offset);

  core::CoreConfig core_;
  Ledger& ledger_;
  std::vector<std::vector<std::byte>> regions_;
  std::map<WireKey, Allowance> allowances_;
  std::map<MessageId, std::uint32_t> delivered_;  // times
  std::vector<std::uint32_t> restarts_;           // by host
};

}  // namespace homa::sim
