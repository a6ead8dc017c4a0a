// What the kernel knows of the ways to other hosts, and whether it changed: devices that come, go
// or get another MTU or rate, addresses, routes.
#pragma once

#include <cstdint>
#include <memory>
#include <unordered_map>

#include "io/ethtool.h"
#include "io/kernel_routes.h"
#include "io/packet_io.h"

namespace homa::io {

class NetworkMonitor {
 public:
  struct Options {
    Carrier carrier = Carrier::kUdp;
    std::uint32_t mtu_max = 0;  // what the configuration allows; 0: no limit
    std::uint32_t scope = 0;    // the device of link-local addresses that name none
    IpAddress source{};         // the socket's address; all zeros: any
  };
  static Result<std::unique_ptr<NetworkMonitor>, Error> open(const Options& options);

  // A system call or two, and more for the first peer behind a device.
  Route route(const Address& peer);
  // Reads what the kernel reported. True: anything that route() was told before may be wrong now.
  bool changed();
  // Readable when changed() has something to read.
  int descriptor() const { return events_.descriptor(); }

 private:
  struct Device {
    std::uint32_t mtu = 0;
    std::uint64_t bits_per_second = 0;
  };
  NetworkMonitor(const Options& options, NetlinkSocket questions, NetlinkSocket events)
      : options_(options), questions_(std::move(questions)), events_(std::move(events)) {}
  const Device& device(std::uint32_t index);

  const Options options_;
  NetlinkSocket questions_;
  NetlinkSocket events_;
  base::Descriptor control_ = control_socket();
  std::unordered_map<std::uint32_t, Device> devices_;  // until something changes
};

}  // namespace homa::io
