// The server that a client's command line names.
#pragma once

#include <cstdint>
#include <string>

#include "homa/address.h"
#include "homa/result.h"

namespace homa::tools {

// `homa serve` without a port serves here, and clients without one ask here.
inline constexpr std::uint16_t kDefaultServerPort = 4000;

// HOST[:PORT], HOST%UDPPORT[:PORT]; HOST is a name, an IPv4 address, or an IPv6 address, in
// brackets where a port follows. An error says what is wrong with which part, also when the port is
// none of a server. Looks names up: blocks.
Result<SocketAddress, Error> parse_server(const std::string& text);

}  // namespace homa::tools
