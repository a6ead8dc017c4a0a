// The kernel's answer to "how would a packet to this address leave?"
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "io/netlink.h"
#include "io/socket_address.h"

namespace homa::io {

struct RouteQuestion {
  Address destination;
  IpAddress source{};         // all zeros: the kernel chooses
  std::uint32_t device = 0;   // only routes by this one; 0: any
  bool only_entries = false;  // only what stands in a table; else IPv4 takes any address for a
                              // neighbour when a device is given
};

struct KernelRoute {
  std::uint32_t device = 0;
  std::uint8_t type = 0;  // RTN_UNICAST, RTN_LOCAL, ...
  IpAddress gateway{};    // all zeros: the destination is a neighbour
  IpAddress source{};     // which of our addresses the packet would carry; all zeros: not told
  std::uint32_t mtu = 0;  // of the route, also as ICMP messages taught the kernel; 0: the device's
};

// nullopt: there is no route.
std::optional<KernelRoute> find_route(NetlinkSocket& socket, const RouteQuestion& question);

struct KernelDevice {
  std::string name;
  std::uint32_t mtu = 0;
};

// All empty: there is no such device.
KernelDevice kernel_device(NetlinkSocket& socket, std::uint32_t index);

}  // namespace homa::io
