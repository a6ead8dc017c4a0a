// Watches every packet and byte of Homa's hosts. It reports as a violation:
//  - a request that is delivered twice;
//  - a byte that is sent although it is neither unscheduled nor granted;
//  - a delivered byte that differs from the one that was sent, or lies in another message's memory;
//  - a grant while more than max_incoming bytes are granted and have not arrived.
// (Ledger reports an RPC that ends twice, HomaTransport what remains when all is at rest.) Contents
// are verified by writing each payload into memory as long as the receive region.
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
  // `ledger` takes the violations and outlives the checker. Allocates the configuration's receive
  // region once per host.
  Checker(const core::CoreConfig& core, std::uint32_t hosts, Ledger& ledger);

  // A host hands a packet of `endpoint` to its NIC.
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
  // How many bytes one side of an RPC may send.
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
