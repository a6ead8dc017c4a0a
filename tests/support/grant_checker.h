// Watches every packet for the two promises of grants (docs/protocol.md#grants): a sender sends no
// byte beyond what is unscheduled or granted, and a receiver, when it grants, has at most
// max_incoming bytes granted (or announced as unscheduled) and not received, senders that fell
// silent not counted. It keeps its own books from the packets alone, so that it does not repeat a
// mistake of the endpoint's.
#pragma once

#include <cstdint>
#include <map>
#include <tuple>

#include "support/virtual_network.h"

namespace homa::test {

class GrantChecker : public Observer {
 public:
  // own_books: false where RPCs end early, which packets do not show; then the endpoint's own sum
  // is compared with max_incoming.
  explicit GrantChecker(bool own_books = true) : own_books_(own_books) {}

  void on_sent(VirtualNetwork& network, HostIndex host, HostIndex destination,
               std::span<const std::byte> packet) override;
  void on_received(VirtualNetwork& network, HostIndex host, HostIndex source,
                   std::span<const std::byte> packet, const core::RxOutcome& outcome) override;

  std::uint64_t grants() const { return grants_; }
  // Highest granted-and-unreceived at a grant, over all hosts.
  std::uint64_t most_incoming() const { return most_incoming_; }

 private:
  // A message: its sender, its receiver, and the RPC's id as the sender names it.
  using MessageKey = std::tuple<HostIndex, HostIndex, std::uint64_t>;
  struct Outgoing {
    std::uint64_t limit = 0;  // may send bytes below this
  };
  struct Incoming {
    std::uint32_t length = 0;
    std::uint64_t granted = 0;
    std::map<std::uint32_t, std::uint32_t> received;  // begin -> end, disjoint, sorted
    std::uint64_t bytes = 0;
    bool silent = false;  // asked for with RESEND, and nothing of it came since
    std::uint64_t outstanding() const { return silent || granted < bytes ? 0 : granted - bytes; }
  };

  void check_data_sent(VirtualNetwork& network, const MessageKey& key,
                       const wire::DataHeader& data);
  void check_grant_sent(VirtualNetwork& network, HostIndex host, const MessageKey& key,
                        const wire::GrantHeader& grant);
  void set_silent(HostIndex host, const MessageKey& key, bool silent);
  static std::uint32_t add(Incoming& message, std::uint32_t begin, std::uint32_t end);

  bool own_books_;
  std::map<MessageKey, Outgoing> outgoing_;
  std::map<MessageKey, Incoming> incoming_;
  std::map<HostIndex, std::uint64_t> incoming_bytes_;  // granted and not received, per receiver
  std::uint64_t grants_ = 0;
  std::uint64_t most_incoming_ = 0;
};

}  // namespace homa::test
