// Steps that opening a back end on a kernel socket consists of.
#pragma once

#include <sys/socket.h>

#include <algorithm>
#include <cstdint>
#include <string>

#include "base/descriptor.h"
#include "homa/error.h"
#include "homa/result.h"
#include "io/device.h"

namespace homa::io {

inline constexpr std::uint32_t kEthernetOverhead = 38;  // header, checksum, preamble, gap
inline constexpr std::uint32_t kIpv4Header = 20;
inline constexpr std::uint32_t kIpv6Header = 40;

// What fits into an IP packet. Its length field counts IPv4's header but not IPv6's.
constexpr std::uint32_t ip_payload_max(std::uint32_t mtu, bool v6) {
  constexpr std::uint32_t kLengthMax = 65'535;
  return v6 ? std::min(mtu - kIpv6Header, kLengthMax) : std::min(mtu, kLengthMax) - kIpv4Header;
}

// False where the kernel does not have the option.
inline bool set_option(int socket, int level, int name, int value) {
  return setsockopt(socket, level, name, &value, sizeof value) == 0;
}

// Non-blocking, don't-fragment, hop limit 64, the highest priority as default, the error queue on,
// buffers of `buffer_bytes` (beyond the system's limit where we may).
void set_common_options(int socket, bool v4, bool v6, std::uint32_t buffer_bytes);

// Binds to the device's address and `port`. `what` opens the error's text.
Result<void, Error> bind_socket(int socket, int family, const Device& device, std::uint16_t port,
                                const std::string& what);

}  // namespace homa::io
