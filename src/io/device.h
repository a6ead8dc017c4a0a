// Which network device a back end works on, found from what the configuration says.
#pragma once

#include <cstdint>
#include <string>

#include "homa/address.h"
#include "homa/error.h"
#include "homa/result.h"
#include "io/open.h"

namespace homa::io {

struct Device {
  Address address;        // ours, with config.udp_port
  std::string interface;  // "" when the system has no device at all
  std::uint32_t index = 0;
  std::uint32_t mtu = 0;  // config.mtu, or the device's
  bool any = false;       // neither address nor device was asked for: `address` is our best guess
};

// With an address: the device that holds it. With a device only: its first IPv4 address, or else
// IPv6. With neither: the first device that is up and not the loopback, or else the loopback.
Result<Device, Error> find_device(const IoConfig& config);

}  // namespace homa::io
