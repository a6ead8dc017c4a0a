#include "io/datagram_io.h"

#include <linux/sock_diag.h>

#include <array>

#include "base/failure.h"
#include "io/sleep.h"
#include "io/socket_setup.h"

namespace homa::io {
namespace {

// Raw IP has no ports: peers carry the default one, as Address::parse() gives it to them.
std::uint16_t fixed_port(Carrier carrier) { return carrier == Carrier::kUdp ? 0 : kDefaultUdpPort; }

}  // namespace

Result<void, Error> complete_setup(const IoConfig& config, const Device& device,
                                   DatagramSetup& setup) {
  auto monitor = NetworkMonitor::open({.carrier = setup.capabilities.carrier,
                                       .mtu_max = config.mtu,
                                       .scope = device.index,
                                       .source = device.any ? IpAddress{} : device.address.ip});
  if (!monitor) return Unexpected<Error>(monitor.error());
  setup.monitor = std::move(*monitor);
  auto buffers = ReceiveBuffers::create();
  if (!buffers) return Unexpected<Error>(buffers.error());
  setup.buffers = std::move(*buffers);
  setup.capabilities.scope = device.index;
  const int socket = setup.socket.get();
  const bool v6 = setup.family == AF_INET6;
  if (device.any) {
    auto netlink = NetlinkSocket::open();
    if (!netlink) return Unexpected<Error>(netlink.error());
    const bool told = v6 ? set_option(socket, SOL_IPV6, IPV6_RECVPKTINFO, 1)
                         : set_option(socket, SOL_IP, IP_PKTINFO, 1);
    if (!told) return system_failure("asking which address a packet is for", errno);
    setup.paths = std::make_unique<LocalPaths>(std::move(*netlink));
  }
  if (!config.pcap.empty()) {
    setup.priorities = (!v6 || set_option(socket, SOL_IPV6, IPV6_RECVTCLASS, 1)) &&
                       ((v6 && !setup.dual_stack) || set_option(socket, SOL_IP, IP_RECVTOS, 1));
  }
  return {};
}

DatagramIo::DatagramIo(DatagramSetup setup)
    : socket_(std::move(setup.socket)),
      lock_(std::move(setup.lock)),
      capabilities_(std::move(setup.capabilities)),
      monitor_(std::move(setup.monitor)),
      paths_(std::move(setup.paths)),
      refusals_(std::move(setup.refusals)),
      descriptors_{socket_.get(), monitor_->descriptor()},
      errors_(capabilities_.carrier, fixed_port(capabilities_.carrier)),
      receiver_({.socket = socket_.get(),
                 .can_join = setup.can_join,
                 .ip_header = capabilities_.carrier == Carrier::kIp && setup.family == AF_INET,
                 .fixed_port = fixed_port(capabilities_.carrier),
                 .paths = paths_.get(),
                 .priorities = setup.priorities},
                std::move(setup.buffers), statistics_),
      sender_({.socket = socket_.get(),
               .family = setup.family,
               .dual_stack = setup.dual_stack,
               .carrier = capabilities_.carrier,
               .segmentation = capabilities_.segmentation,
               .scope = capabilities_.scope,
               .paths = paths_.get()},
              errors_, statistics_) {}

void DatagramIo::look_around() {
  receive_calls_ = 0;
  if (!monitor_->changed()) return;
  if (paths_) paths_->forget();
  errors_.add(IoError::Kind::kRoutesChanged, {}, {});
}

std::size_t DatagramIo::receive(std::span<RxFrame> frames) {
  if (++receive_calls_ >= kLookAroundCalls) look_around();
  int error = 0;
  const std::size_t count = receiver_.receive(frames, error);
  if (error != 0) errors_.drain(socket_.get());
  return count;
}

IoStatistics DatagramIo::statistics() const {
  IoStatistics result = statistics_;
  std::array<std::uint32_t, SK_MEMINFO_VARS> memory{};
  socklen_t length = sizeof memory;
  if (getsockopt(socket_.get(), SOL_SOCKET, SO_MEMINFO, memory.data(), &length) == 0) {
    result.receive_dropped += memory[SK_MEMINFO_DROPS];  // its buffer was full
  }
  return result;
}

bool DatagramIo::wait(std::chrono::nanoseconds at_most, int wake_fd) {
  if (receiver_.pending() || !errors_.empty()) return false;
  std::array<pollfd, 3> descriptors{
      {{socket_.get(), POLLIN, 0}, {wake_fd, POLLIN, 0}, {monitor_->descriptor(), POLLIN, 0}}};
  if (!sleep_on(descriptors, at_most)) return false;
  if ((descriptors[0].revents & POLLERR) != 0) errors_.drain(socket_.get());
  if (descriptors[2].revents != 0) look_around();
  return descriptors[1].revents != 0;
}

}  // namespace homa::io
