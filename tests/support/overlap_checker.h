// Receives each message as a kernel does, which refuses a packet that overlaps in part with what it
// has, and counts such packets (docs/protocol.md#path-mtu).
#pragma once

#include <cstdint>
#include <map>
#include <tuple>

#include "core/message_in.h"
#include "support/virtual_network.h"

namespace homa::test {

class OverlapChecker : public Observer {
 public:
  void on_sent(VirtualNetwork&, HostIndex, HostIndex, std::span<const std::byte>) override {}
  void on_received(VirtualNetwork& network, HostIndex host, HostIndex source,
                   std::span<const std::byte> packet, const core::RxOutcome& outcome) override;

  std::uint64_t overlaps() const { return overlaps_; }

 private:
  // Its receiver, its sender, and the RPC's id as the sender names it.
  std::map<std::tuple<HostIndex, HostIndex, std::uint64_t>, core::MessageIn> messages_;
  std::uint64_t overlaps_ = 0;
};

}  // namespace homa::test
