// The network of the attacks: a server, a well-behaved client, an attacker and a visitor, each in a
// network namespace of its own, on one switch. The namespaces have no name, so none is left behind.
//
//   server 10.78.0.1   client 10.78.0.2   attacker 10.78.0.3   visitor 10.78.0.4
//
// 10.79.0.0/16 lies behind the attacker: what is sent there arrives at its device, and nothing
// answers. So an attacker can use those addresses as sources, and count what comes back.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "homa/address.h"
#include "homa/host.h"
#include "system/namespace.h"

namespace homa::hostile {

using testing::Namespace;

inline constexpr Address kServer = Address::v4(10, 78, 0, 1);
inline constexpr Address kClient = Address::v4(10, 78, 0, 2);
inline constexpr Address kAttacker = Address::v4(10, 78, 0, 3);
inline constexpr Address kVisitor = Address::v4(10, 78, 0, 4);
inline constexpr std::uint16_t kServerPort = 4000;

// An address behind the attacker.
constexpr Address behind_attacker(std::uint32_t number, std::uint16_t udp_port = kDefaultUdpPort) {
  return Address::v4(10, 79, static_cast<std::uint8_t>(number >> 8),
                     static_cast<std::uint8_t>(number), udp_port);
}

class Stage {
 public:
  // Null, with the reason, where the system does not let us.
  static std::unique_ptr<Stage> create(std::string& reason);

  // Both have the parameters that users have, except that a silent peer gets more time in short
  // forms (life/life.h has the reason).
  Host open_server(HostConfig config = {}) const;
  Host open_client(HostConfig config = {}) const;
  static Host open_in(const Namespace& where, const Address& address, HostConfig config);

  // The client's address moves to the visitor, or back.
  bool move_client_address(bool to_visitor) const;

  // All that the attacker's device has sent and received, with Ethernet headers.
  struct Bytes {
    std::uint64_t sent = 0, received = 0;
  };
  Bytes attacker_bytes() const;

  std::unique_ptr<Namespace> network, server, client, attacker, visitor;
};

}  // namespace homa::hostile
