// Homa inside UDP (docs/protocol.md#packets).
#include <fcntl.h>
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

Address bound_address(int socket) {
  SocketName name{};
  socklen_t length = sizeof name;
  if (getsockname(socket, &name.any, &length) != 0) return {};
  return to_address(name);
}

int option_of(int socket, int level, int name) {
  int value = -1;
  socklen_t length = sizeof value;
  return getsockopt(socket, level, name, &value, &length) == 0 ? value : -1;
}

// The inherited socket; an invalid one where it is not what is asked for now.
UdpSocket adopt_socket(const IoConfig& config, const Device& device) {
  UdpSocket made;
  const int socket = config.inherited_socket;
  if (socket < 0 || option_of(socket, SOL_SOCKET, SO_TYPE) != SOCK_DGRAM) return made;
  const Address bound = bound_address(socket);
  if (config.udp_port != 0 && config.udp_port != bound.udp_port) return made;
  const bool any = bound.ip == IpAddress{} || bound.ip == Address::v4(0, 0, 0, 0).ip;
  if (device.any ? !any : bound.ip != device.address.ip) return made;
  made.socket = base::Descriptor(::fcntl(socket, F_DUPFD_CLOEXEC, 0));
  made.family = option_of(socket, SOL_SOCKET, SO_DOMAIN);
  made.dual_stack = made.family == AF_INET6 && option_of(socket, SOL_IPV6, IPV6_V6ONLY) == 0;
  return made;
}

// Bound, with its options set.
Result<UdpSocket, Error> open_socket(const IoConfig& config, const Device& device) {
  UdpSocket adopted = adopt_socket(config, device);
  if (adopted.socket.valid()) return adopted;
  auto made = create_socket(device);
  if (!made) return made;
  const int socket = made->socket.get();
  const bool v6 = made->family == AF_INET6;
  set_common_options(socket, !v6 || made->dual_stack, v6, config.socket_buffer_bytes);
  const auto bound = bind_socket(
      socket, made->family, device, config.udp_port,
      "udp: UDP port " + std::to_string(config.udp_port) +
          (device.any ? std::string(" of this host") : " of address " + config.address));
  if (!bound) return Unexpected<Error>(bound.error());
  return made;
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
  auto made = open_socket(config, *device);
  if (!made) return Unexpected<Error>(made.error());
  const int socket = made->socket.get();
  const bool v6 = made->family == AF_INET6;

  DatagramSetup setup;
  setup.capabilities.name = "udp";
  setup.capabilities.carrier = Carrier::kUdp;
  setup.capabilities.note = config.chosen_because;
  setup.capabilities.local = device->address;
  setup.capabilities.local.udp_port = bound_address(socket).udp_port;
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
