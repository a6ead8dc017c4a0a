// Checks of the network device and of this host's engines.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "homa/address.h"
#include "homa/error.h"
#include "homa/result.h"
#include "tools/doctor/finding.h"

namespace homa::tools {

struct DeviceFacts {
  std::string name;
  std::uint32_t mtu = 0;
  std::uint64_t bits_per_second = 0;                  // 0: not known
  std::optional<bool> segmentation, receive_merging;  // GSO, GRO; nothing: the driver does not tell
  bool loopback = false;
};

// Of the device by which packets to `peer` leave, or, without a peer, of the one that a host
// without an address works on. kPeerUnreachable: no route leads there; kInvalidArgument: see
// io::find_device().
Result<DeviceFacts, Error> device_facts(const std::optional<Address>& peer,
                                        const std::string& interface);

Finding check_mtu(const DeviceFacts& facts);
Finding check_link_rate(const DeviceFacts& facts);
Finding check_offloads(const DeviceFacts& facts);

// What the back end "auto" chooses here. It loads an XDP program into the device for a moment.
Finding check_back_ends(const std::string& interface);

// Engines of this host that are no homad, and whether UDP port `port` is taken by another program.
Finding check_engines(std::uint16_t port);

}  // namespace homa::tools
