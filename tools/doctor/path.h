// What lies between this host and a peer, found out with packets that the peer's kernel answers: it
// need not run Homa. They are UDP to ports where nobody listens, and the answer is an ICMP error,
// which quotes what arrived.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "homa/address.h"
#include "homa/error.h"
#include "homa/result.h"
#include "tools/doctor/finding.h"

namespace homa::tools {

struct PathMtu {
  bool answers = false;        // the peer, to a small packet
  std::uint32_t arrives = 0;   // bytes of the largest packet that arrived
  std::uint32_t reported = 0;  // the narrowest link, as a router reported it; 0: none did
};
// Tries `mtu`, our device's, and smaller ones where it does not arrive. Up to 10 s.
Result<PathMtu, Error> probe_mtu(const Address& peer, std::uint32_t mtu);
Finding check_path_mtu(const PathMtu& path, std::uint32_t mtu);

// By priority: the top three bits of the traffic class with which a packet of this priority
// arrived, as the peer quotes it; nothing: no answer.
using ArrivedPriorities = std::array<std::optional<std::uint8_t>, 8>;
// Up to 6 s. kNotPermitted: it needs CAP_NET_RAW.
Result<ArrivedPriorities, Error> probe_priorities(const Address& peer);
Finding check_priorities(const ArrivedPriorities& arrived);

}  // namespace homa::tools
