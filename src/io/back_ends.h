// The back ends, each by its own function; open() chooses. config.backend, faults and pcap are not
// looked at here. Errors say what was tried, on what, and the cure.
#pragma once

#include <memory>

#include "homa/error.h"
#include "homa/result.h"
#include "io/open.h"
#include "io/packet_io.h"

namespace homa::io {

// Homa inside UDP. With neither address nor device configured it takes packets for every address
// of the host, IPv4 and IPv6 through one socket; a host with several networks should name an
// address, because peers know it by the one they sent to.
Result<std::unique_ptr<PacketIo>, Error> open_udp(const IoConfig& config);

// Homa as IP protocol 146, IPv4 or IPv6 by the address. One engine per local address (kInUse
// otherwise). Needs CAP_NET_RAW (kNotPermitted). Addresses carry the default UDP port.
Result<std::unique_ptr<PacketIo>, Error> open_raw(const IoConfig& config);

// AF_XDP on one Ethernet device (xdp_io.h); config.backend names its options (xdp_options.h).
Result<std::unique_ptr<PacketIo>, Error> open_xdp(const IoConfig& config);

}  // namespace homa::io
