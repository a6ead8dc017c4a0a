// Homa as IP protocol 146, as the kernel module speaks it (docs/protocol.md#packets): nothing is
// added to the Homa packet.
#include <sys/un.h>

#include <cstddef>

#include "base/failure.h"
#include "io/back_ends.h"
#include "io/datagram_io.h"
#include "io/device.h"
#include "io/frame_decode.h"
#include "io/socket_setup.h"

namespace homa::io {
namespace {

// The kernel gives every raw socket of an address a copy of each packet, so two engines would both
// answer. An abstract Unix socket is a lock that lives as long as the process and is known in this
// network namespace only.
Result<base::Descriptor, Error> lock_address(const std::string& address) {
  base::Descriptor lock(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!lock.valid()) return system_failure("raw: a Unix socket to lock address " + address, errno);
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  const std::string text = "homa-raw-" + address;
  text.copy(name.sun_path + 1, sizeof name.sun_path - 1);
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + text.size());
  if (bind(lock.get(), reinterpret_cast<const sockaddr*>(&name), length) == 0) return lock;
  if (errno != EADDRINUSE) return system_failure("raw: locking address " + address, errno);
  return failure(ErrorCode::kInUse, "raw: address " + address +
                                        " is in use by another raw engine; there can be one per "
                                        "address. Stop it, or give this one an address of its own");
}

Result<base::Descriptor, Error> create_socket(int family) {
  base::Descriptor socket(::socket(family, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, kHomaProtocol));
  if (socket.valid()) return socket;
  if (errno == EPERM || errno == EACCES) {
    return failure(ErrorCode::kNotPermitted,
                   "raw: opening an IP socket for protocol 146 needs CAP_NET_RAW. Run as root, "
                   "give the program the capability (setcap cap_net_raw+ep PROGRAM), or use the "
                   "back end udp, which needs no privilege");
  }
  return system_failure("raw: opening an IP socket for protocol 146", errno);
}

}  // namespace

Result<std::unique_ptr<PacketIo>, Error> open_raw(const IoConfig& config) {
  auto device = find_device(config);
  if (!device) return Unexpected<Error>(device.error());
  device->any = false;  // peers answer to the address that they got packets from: one, then
  device->address.udp_port = kDefaultUdpPort;
  const std::string address = device->address.to_string();
  const bool v4 = device->address.is_v4();
  auto socket = create_socket(v4 ? AF_INET : AF_INET6);
  if (!socket) return Unexpected<Error>(socket.error());
  auto lock = lock_address(address);
  if (!lock) return Unexpected<Error>(lock.error());
  set_common_options(socket->get(), v4, !v4, config.socket_buffer_bytes);
  DatagramSetup setup;
  setup.family = v4 ? AF_INET : AF_INET6;
  const auto bound =
      bind_socket(socket->get(), setup.family, *device, 0, "raw: address " + address);
  if (!bound) return Unexpected<Error>(bound.error());

  setup.capabilities.name = "raw";
  setup.capabilities.carrier = Carrier::kIp;
  setup.capabilities.local = device->address;
  setup.capabilities.packet_bytes_max = packet_bytes_max(device->mtu, v4, Carrier::kIp);
  setup.capabilities.overhead_bytes = kEthernetOverhead + network_header_bytes(v4, Carrier::kIp);
  setup.capabilities.link_bits_per_second = link_rate(device->interface);
  setup.capabilities.priorities = true;
  setup.socket = std::move(*socket);
  setup.lock = std::move(*lock);
  auto refusals = PortUnreachable::open(device->address);
  if (!refusals) return Unexpected<Error>(refusals.error());
  setup.refusals = std::move(*refusals);
  if (auto watched = complete_setup(config, *device, setup); !watched) {
    return Unexpected<Error>(watched.error());
  }
  return std::unique_ptr<PacketIo>(std::make_unique<DatagramIo>(std::move(setup)));
}

}  // namespace homa::io
