// Homa inside UDP (docs/protocol.md#packets).
#include <netinet/udp.h>

#include "base/failure.h"
#include "io/back_ends.h"
#include "io/datagram_io.h"
#include "io/device.h"
#include "io/ethtool.h"
#include "io/socket_address.h"
#include "io/socket_setup.h"

namespace homa::io {
namespace {

struct UdpSocket {
  base::Descriptor socket;
  int family = AF_INET;
  bool dual_stack = false;
};

Result<UdpSocket, Error> create_socket(const Device& device) {
  UdpSocket made;
  const bool v4_only = !device.any && device.address.is_v4();
  if (!v4_only) {
    made.family = AF_INET6;
    made.socket =
        base::Descriptor(::socket(AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    made.dual_stack = device.any && made.socket.valid() &&
                      set_option(made.socket.get(), SOL_IPV6, IPV6_V6ONLY, 0);
    if (made.dual_stack || (made.socket.valid() && !device.any)) return made;
  }
  if (v4_only || device.any) {  // or a kernel without IPv6
    made.family = AF_INET;
    made.socket = base::Descriptor(::socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  }
  if (!made.socket.valid()) return system_failure("udp: creating a UDP socket", errno);
  return made;
}

std::uint16_t bound_port(int socket) {
  SocketName name{};
  socklen_t length = sizeof name;
  if (getsockname(socket, &name.any, &length) != 0) return 0;
  return to_address(name).udp_port;
}

// Where an administrator turned the device's segmentation off, runs of packets must not reach its
// queue as one: a shaper with a small burst loses time over each.
bool device_segments(const std::string& interface) {
  ethtool_value segmentation{};
  segmentation.cmd = ETHTOOL_GGSO;
  return interface.empty() || !ask_driver(control_socket(), interface, segmentation) ||
         segmentation.data != 0;
}

}  // namespace

Result<std::unique_ptr<PacketIo>, Error> open_udp(const IoConfig& config) {
  auto device = find_device(config);
  if (!device) return Unexpected<Error>(device.error());
  auto made = create_socket(*device);
  if (!made) return Unexpected<Error>(made.error());
  const int socket = made->socket.get();
  const bool v6 = made->family == AF_INET6;
  set_common_options(socket, !v6 || made->dual_stack, v6, config.socket_buffer_bytes);
  const auto bound = bind_socket(
      socket, made->family, *device, config.udp_port,
      "udp: UDP port " + std::to_string(config.udp_port) +
          (device->any ? std::string(" of this host") : " of address " + config.address));
  if (!bound) return Unexpected<Error>(bound.error());

  DatagramSetup setup;
  setup.capabilities.name = "udp";
  setup.capabilities.carrier = Carrier::kUdp;
  setup.capabilities.note = config.chosen_because;
  setup.capabilities.local = device->address;
  setup.capabilities.local.udp_port = bound_port(socket);
  setup.capabilities.packet_bytes_max = packet_bytes_max(device->mtu, !v6, Carrier::kUdp);
  setup.capabilities.overhead_bytes = kEthernetOverhead + network_header_bytes(!v6, Carrier::kUdp);
  setup.capabilities.link_bits_per_second = link_rate(device->interface);
  setup.capabilities.priorities = true;
  // Asking for none changes nothing, and fails where the kernel does not know it.
  setup.capabilities.segmentation =
      set_option(socket, SOL_UDP, UDP_SEGMENT, 0) && device_segments(device->interface);
  setup.can_join = set_option(socket, SOL_UDP, UDP_GRO, 0);
  setup.socket = std::move(made->socket);
  setup.family = made->family;
  setup.dual_stack = made->dual_stack;
  if (auto watched = complete_setup(config, *device, setup); !watched) {
    return Unexpected<Error>(watched.error());
  }
  return std::unique_ptr<PacketIo>(std::make_unique<DatagramIo>(std::move(setup)));
}

}  // namespace homa::io
