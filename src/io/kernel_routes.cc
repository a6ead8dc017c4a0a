#include "io/kernel_routes.h"

namespace homa::io {

std::optional<KernelRoute> find_route(NetlinkSocket& socket, const RouteQuestion& question) {
  const std::span<const std::byte> destination = ip_bytes(question.destination.ip);
  const auto bits = static_cast<unsigned char>(destination.size() * 8);
  rtmsg wanted{};
  wanted.rtm_family = question.destination.is_v4() ? AF_INET : AF_INET6;
  wanted.rtm_dst_len = bits;
  if (question.only_entries) wanted.rtm_flags = RTM_F_FIB_MATCH;
  const bool has_source = question.source != IpAddress{};
  if (has_source) wanted.rtm_src_len = bits;
  NetlinkRequest request(RTM_GETROUTE, 0, wanted);
  request.add(RTA_DST, destination);
  if (has_source) request.add(RTA_SRC, ip_bytes(question.source));
  if (question.device != 0) request.add(RTA_OIF, question.device);
  std::optional<KernelRoute> found;
  const bool answered = socket.ask(request, [&](const nlmsghdr& message) {
    const auto* body = netlink_body<rtmsg>(message);
    if (message.nlmsg_type != RTM_NEWROUTE || body == nullptr) return;
    const NetlinkAttributes attributes(message, sizeof *body);
    const NetlinkAttributes metrics(attributes.bytes(RTA_METRICS));
    found = KernelRoute{.device = attributes.value<std::uint32_t>(RTA_OIF),
                        .type = body->rtm_type,
                        .gateway = to_ip(attributes.bytes(RTA_GATEWAY)),
                        .source = to_ip(attributes.bytes(RTA_PREFSRC)),
                        .mtu = metrics.value<std::uint32_t>(RTAX_MTU)};
  });
  if (!answered || !found) return std::nullopt;
  const bool leads_somewhere = found->type == RTN_UNICAST || found->type == RTN_LOCAL;
  return leads_somewhere ? found : std::nullopt;
}

KernelDevice kernel_device(NetlinkSocket& socket, std::uint32_t index) {
  ifinfomsg wanted{};
  wanted.ifi_family = AF_UNSPEC;
  wanted.ifi_index = static_cast<int>(index);
  NetlinkRequest request(RTM_GETLINK, 0, wanted);
  KernelDevice device;
  socket.ask(request, [&](const nlmsghdr& message) {
    const auto* body = netlink_body<ifinfomsg>(message);
    if (message.nlmsg_type != RTM_NEWLINK || body == nullptr) return;
    const NetlinkAttributes attributes(message, sizeof *body);
    device = {std::string(attributes.text(IFLA_IFNAME)), attributes.value<std::uint32_t>(IFLA_MTU)};
  });
  return device;
}

}  // namespace homa::io
