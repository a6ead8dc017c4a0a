#include "io/network_monitor.h"

#include <algorithm>

#include "io/ethtool.h"
#include "io/link_rate.h"

namespace homa::io {

Result<std::unique_ptr<NetworkMonitor>, Error> NetworkMonitor::open(const Options& options) {
  auto questions = NetlinkSocket::open();
  if (!questions) return Unexpected<Error>(questions.error());
  auto events = NetlinkSocket::open(RTMGRP_LINK | RTMGRP_TC | RTMGRP_IPV4_ROUTE |
                                    RTMGRP_IPV6_ROUTE | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR);
  if (!events) return Unexpected<Error>(events.error());
  return std::unique_ptr<NetworkMonitor>(
      new NetworkMonitor(options, std::move(*questions), std::move(*events)));
}

const NetworkMonitor::Device& NetworkMonitor::device(std::uint32_t index) {
  const auto [at, is_new] = devices_.try_emplace(index);
  if (is_new) {
    const KernelDevice found = kernel_device(questions_, index);
    at->second = {found.mtu, link_rate(questions_, control_, index, found.name)};
  }
  return at->second;
}

Route NetworkMonitor::route(const Address& peer) {
  if (options_.source != IpAddress{} && peer.is_v4() != is_v4(options_.source)) return {};
  RouteQuestion question{.destination = peer, .source = options_.source};
  if (peer.is_link_local()) question.device = peer.scope != 0 ? peer.scope : options_.scope;
  const auto found = find_route(questions_, question);
  if (!found) return {};
  const Device& by = device(found->device);
  std::uint32_t mtu = by.mtu;
  if (found->mtu != 0) mtu = std::min(mtu, found->mtu);
  if (options_.mtu_max != 0) mtu = std::min(mtu, options_.mtu_max);
  return {.packet_bytes_max = packet_bytes_max(mtu, peer.is_v4(), options_.carrier),
          .device = found->device,
          .link_bits_per_second = by.bits_per_second,
          .own_address = found->type == RTN_LOCAL &&
                         (options_.source == IpAddress{} || options_.source == peer.ip)};
}

bool NetworkMonitor::changed() {
  bool any = false;
  const bool all = events_.changes([&](const nlmsghdr&) { any = true; });
  if (any || !all) devices_.clear();
  return any || !all;
}

}  // namespace homa::io
