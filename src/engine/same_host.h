// Which addresses are the engine's own: what one of its sockets sends to another one never leaves
// the host. It goes to receive memory in one copy, as packets do, by the same rules of admission,
// grants and at most once (docs/protocol.md#same-host).
//
// Addresses are learned from the back end, as the ways to peers are, and forgotten when those may
// have changed. Work: a few comparisons for each packet, none where no address is the engine's own.
#pragma once

#include <boost/container/static_vector.hpp>
#include <cstddef>
#include <cstdint>

#include "homa/address.h"

namespace homa::engine {

class SameHost {
 public:
  // Homa header and payload: long enough that a packet costs little beside its copy, and short
  // enough that a short message need not wait long behind one.
  static constexpr std::uint32_t kPacketBytes = 32 << 10;
  // Further addresses are reached through the kernel.
  static constexpr std::size_t kAddressesMax = 16;

  explicit SameHost(std::uint16_t udp_port) : udp_port_(udp_port) {}

  // `own`: the kernel says that the address is this host's, and ours. True: it is the engine's.
  bool learn(const Address& peer, bool own);
  // Ask anew: addresses may have come or gone.
  void forget() { addresses_.clear(); }

  bool any() const { return !addresses_.empty(); }
  bool has(const Address& peer) const {
    for (const Address& own : addresses_) {
      if (own == peer) return true;
    }
    return false;
  }

 private:
  std::uint16_t udp_port_;
  boost::container::static_vector<Address, kAddressesMax> addresses_;
};

}  // namespace homa::engine
