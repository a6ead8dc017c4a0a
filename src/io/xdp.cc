// Puts the parts of the AF_XDP back end together.
#include <net/if.h>
#include <sys/socket.h>

#include <algorithm>
#include <string>
#include <utility>

#include "base/failure.h"
#include "io/back_ends.h"
#include "io/device.h"
#include "io/ethtool.h"
#include "io/xdp_filter.h"
#include "io/xdp_io.h"
#include "io/xdp_options.h"

namespace homa::io {
namespace {

constexpr std::uint32_t kEthernetOverhead = 38;  // preamble, header, checksum and gap
constexpr std::uint32_t kSmallFrame = 2048;
constexpr std::uint32_t kLargeFrame = 4096;
// Of a frame, what the kernel keeps before the packet (XDP_PACKET_HEADROOM) and an Ethernet header.
constexpr std::uint32_t kFrameReserved = 256 + 14 + 8;

// Queues that the device receives on now; 1 where it does not say.
std::uint32_t receive_queues(const std::string& interface) {
  ethtool_channels channels{};
  channels.cmd = ETHTOOL_GCHANNELS;
  if (!ask_driver(control_socket(), interface, channels)) return 1;
  return std::clamp(channels.rx_count + channels.combined_count, 1U,
                    std::uint32_t{HOMA_XDP_QUEUES_MAX});
}

Result<Device, Error> xdp_device(const IoConfig& config) {
  auto device = find_device(config);
  if (!device) return device;
  if (device->interface.empty() || (device->any && config.interface.empty())) {
    return failure(ErrorCode::kInvalidArgument,
                   "xdp: needs an address or an interface of this host to work on");
  }
  if (device->mtu + kFrameReserved > kLargeFrame) {
    return failure(ErrorCode::kInvalidArgument,
                   "xdp: " + device->interface + " has MTU " + std::to_string(device->mtu) +
                       ", more than a frame holds (" +
                       std::to_string(kLargeFrame - kFrameReserved) + "): lower it, or --mtu");
  }
  return device;
}

Result<std::unique_ptr<PacketIo>, Error> open_companion(const IoConfig& config,
                                                        const Device& device, Carrier carrier) {
  IoConfig own = config;
  own.interface = device.interface;
  own.mtu = device.mtu;
  own.backend = carrier == Carrier::kUdp ? "udp" : "raw";
  if (own.address.empty()) {
    Address plain = device.address;
    plain.udp_port = kDefaultUdpPort;
    own.address = plain.to_string();
  }
  return carrier == Carrier::kUdp ? open_udp(own) : open_raw(own);
}

std::string describe(const XdpOptions& options, const XdpProgram& program, const XdpRings& rings) {
  std::string text = program.native() ? "native" : "generic";
  text += rings.zero_copy() ? ", zero-copy" : ", copy (for small messages: udp is better for long)";
  text += options.carrier == Carrier::kUdp ? ", UDP encapsulation" : ", IP protocol 146";
  if (!program.reason().empty()) text += "; not native: " + program.reason();
  return text;
}

Result<void, Error> open_device(const XdpOptions& options, const Device& device, XdpParts& parts) {
  auto hops = NextHops::open(device.index);
  if (!hops) return Unexpected<Error>(hops.error());
  parts.hops = std::move(*hops);
  XdpRingsConfig rings_config;
  rings_config.interface = device.interface;
  rings_config.queues = options.queues > 0 ? options.queues : receive_queues(device.interface);
  rings_config.ring = options.ring;
  rings_config.frame_bytes = device.mtu + kFrameReserved > kSmallFrame ? kLargeFrame : kSmallFrame;
  rings_config.copy = options.copy;
  rings_config.need_wakeup = options.need_wakeup;
  rings_config.busy_poll_usecs = options.busy_poll_usecs;
  auto rings = XdpRings::open(rings_config);
  if (!rings) return Unexpected<Error>(rings.error());
  parts.rings = std::move(*rings);
  auto program = XdpProgram::attach(device.interface, parts.companion->capabilities().local,
                                    options.mode, parts.rings->descriptors());
  if (!program) return Unexpected<Error>(program.error());
  parts.program = std::move(*program);
  return {};
}

}  // namespace

Result<std::unique_ptr<PacketIo>, Error> open_xdp(const IoConfig& config) {
  auto options = parse_xdp_options(config.backend);
  if (!options) return Unexpected<Error>(options.error());
  auto device = xdp_device(config);
  if (!device) return Unexpected<Error>(device.error());
  XdpParts parts;
  parts.interface = device->interface;
  parts.control = base::Descriptor(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  parts.mac = hardware_address(parts.control, device->interface);
  if (parts.mac == MacAddress{}) {
    return failure(ErrorCode::kInvalidArgument,
                   "xdp: " + device->interface + " is not an Ethernet device; use --io udp");
  }
  auto companion = open_companion(config, *device, options->carrier);
  if (!companion) return companion;
  parts.companion = std::move(*companion);
  // The longer headers count, whichever a peer turns out to speak.
  auto monitor = NetworkMonitor::open({.carrier = Carrier::kUdp,
                                       .mtu_max = device->mtu,
                                       .scope = device->index,
                                       .source = device->address.ip});
  if (!monitor) return Unexpected<Error>(monitor.error());
  parts.monitor = std::move(*monitor);
  if (auto opened = open_device(*options, *device, parts); !opened) {
    return Unexpected<Error>(opened.error());
  }
  const Address local = parts.companion->capabilities().local;
  const std::uint32_t headers = network_header_bytes(local.is_v4(), options->carrier);
  parts.capabilities.name = "xdp";
  parts.capabilities.carrier = options->carrier;
  parts.capabilities.local = local;
  parts.capabilities.scope = device->index;
  parts.capabilities.note = describe(*options, *parts.program, *parts.rings);
  if (!config.chosen_because.empty()) parts.capabilities.note += "; " + config.chosen_because;
  parts.capabilities.packet_bytes_max = packet_bytes_max(device->mtu, local.is_v4(), Carrier::kUdp);
  parts.capabilities.overhead_bytes = kEthernetOverhead + headers;
  parts.capabilities.link_bits_per_second = link_rate(device->interface);
  parts.capabilities.priorities = true;
  parts.capabilities.segmentation = true;
  parts.capabilities.queue_feedback = true;
  return std::unique_ptr<PacketIo>(std::make_unique<XdpIo>(std::move(parts)));
}

}  // namespace homa::io
