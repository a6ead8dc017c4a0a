// Where frames to a host go: asks the kernel for the route and the neighbour, has it resolve and
// confirm neighbours, and hears of every change. For back ends that write Ethernet headers
// themselves. Belongs to one thread; never blocks.
#pragma once

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "homa/address.h"
#include "homa/error.h"
#include "homa/result.h"
#include "io/kernel_routes.h"
#include "io/netlink.h"
#include "io/socket_address.h"
#include "io/xdp_frame.h"

namespace homa::io {

struct NextHop {
  enum class State : std::uint8_t {
    kReady,       // `mac` is right
    kStale,       // `mac` was right and may be used, once confirm() was called
    kUnresolved,  // on this device, `mac` not known (yet)
    kElsewhere,   // the route leaves by another device, or there is none
  };
  State state = State::kUnresolved;
  IpAddress neighbour{};  // the host itself, or the gateway to it
  MacAddress mac{};
};

// A neighbour of our device changed: its state and address now.
struct NeighbourChange {
  IpAddress neighbour{};
  NextHop::State state = NextHop::State::kUnresolved;
  MacAddress mac{};
};

class NextHops {
 public:
  // `interface_index`: the device that frames are to leave by.
  static Result<std::unique_ptr<NextHops>, Error> open(std::uint32_t interface_index);

  // Two system calls or four: keep the answer until changes() says that it is no longer true.
  NextHop find(const Address& destination);
  // Asks the kernel to resolve the neighbour, or to confirm that it is still there.
  void confirm(const IpAddress& neighbour);
  // Appends what changed since the last call. False: routes or devices changed, or more than could
  // be told; every answer of find() is to be asked for again.
  bool changes(std::vector<NeighbourChange>& changes);
  // Readable when changes() has something to say.
  int descriptor() const { return events_.descriptor(); }

 private:
  NextHops(std::uint32_t interface_index, NetlinkSocket requests, NetlinkSocket events)
      : index_(interface_index), requests_(std::move(requests)), events_(std::move(events)) {}
  void find_neighbour(NextHop& hop);

  std::uint32_t index_;
  NetlinkSocket requests_;
  NetlinkSocket events_;
};

}  // namespace homa::io
