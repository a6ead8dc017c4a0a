// Steps that opening a back end on a kernel socket consists of.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <string>

#include "base/descriptor.h"
#include "homa/error.h"
#include "homa/result.h"
#include "io/device.h"

namespace homa::io {

inline constexpr std::uint32_t kEthernetOverhead = 38;  // header, checksum, preamble, gap

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
