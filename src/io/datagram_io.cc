#include "io/datagram_io.h"

#include <linux/sock_diag.h>

#include <array>

#include "io/sleep.h"

namespace homa::io {
namespace {

// Raw IP has no ports: peers carry the default one, as Address::parse() gives it to them.
std::uint16_t fixed_port(Carrier carrier) { return carrier == Carrier::kUdp ? 0 : kDefaultUdpPort; }

}  // namespace

DatagramIo::DatagramIo(DatagramSetup setup)
    : socket_(std::move(setup.socket)),
      lock_(std::move(setup.lock)),
      capabilities_(std::move(setup.capabilities)),
      errors_(capabilities_.carrier, fixed_port(capabilities_.carrier)),
      receiver_({.socket = socket_.get(),
                 .can_join = setup.can_join,
                 .ip_header = capabilities_.carrier == Carrier::kIp && setup.family == AF_INET,
                 .fixed_port = fixed_port(capabilities_.carrier)},
                statistics_),
      sender_({.socket = socket_.get(),
               .family = setup.family,
               .dual_stack = setup.dual_stack,
               .carrier = capabilities_.carrier,
               .segmentation = capabilities_.segmentation,
               .scope = setup.scope},
              errors_, statistics_) {}

std::size_t DatagramIo::receive(std::span<RxFrame> frames) {
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
  std::array<pollfd, 2> descriptors{{{socket_.get(), POLLIN, 0}, {wake_fd, POLLIN, 0}}};
  if (!sleep_on(descriptors, at_most)) return false;
  if ((descriptors[0].revents & POLLERR) != 0) errors_.drain(socket_.get());
  return descriptors[1].revents != 0;
}

}  // namespace homa::io
