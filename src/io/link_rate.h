// How fast a device really sends: the rate of its root TBF or HTB qdisc, or else the speed that its
// driver reports.
#pragma once

#include <cstdint>
#include <string>

#include "base/descriptor.h"
#include "io/netlink.h"

namespace homa::io {

// Bits per second; 0 where the kernel does not know (veth without such a qdisc). `netlink` and
// `control` (ethtool.h) are of the device's network namespace.
std::uint64_t link_rate(NetlinkSocket& netlink, const base::Descriptor& control,
                        std::uint32_t device, const std::string& interface);

}  // namespace homa::io
