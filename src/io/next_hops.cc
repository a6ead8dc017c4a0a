#include "io/next_hops.h"

#include <linux/neighbour.h>

#include <cstring>

namespace homa::io {
namespace {

constexpr int kUsable = NUD_REACHABLE | NUD_PROBE | NUD_DELAY | NUD_PERMANENT | NUD_NOARP;

unsigned char family_of(const IpAddress& ip) { return is_v4(ip) ? AF_INET : AF_INET6; }

// A request about a neighbour of device `index`.
ndmsg neighbour_body(const IpAddress& neighbour, std::uint32_t index) {
  ndmsg body{};
  body.ndm_family = family_of(neighbour);
  body.ndm_ifindex = static_cast<int>(index);
  return body;
}

// False: not about the device `index`.
bool parse_neighbour(const nlmsghdr& message, std::uint32_t index, NeighbourChange& change) {
  const auto* body = netlink_body<ndmsg>(message);
  if (body == nullptr || static_cast<std::uint32_t>(body->ndm_ifindex) != index) return false;
  if (body->ndm_family != AF_INET && body->ndm_family != AF_INET6) return false;
  const NetlinkAttributes attributes(message, sizeof *body);
  change.neighbour = to_ip(attributes.bytes(NDA_DST));
  const bool has_mac = attributes.bytes(NDA_LLADDR).size() == change.mac.size();
  if (has_mac) change.mac = attributes.value<MacAddress>(NDA_LLADDR);
  change.state = NextHop::State::kUnresolved;
  if (message.nlmsg_type == RTM_NEWNEIGH && has_mac) {
    if ((body->ndm_state & kUsable) != 0) change.state = NextHop::State::kReady;
    if ((body->ndm_state & NUD_STALE) != 0) change.state = NextHop::State::kStale;
  }
  return true;
}

}  // namespace

Result<std::unique_ptr<NextHops>, Error> NextHops::open(std::uint32_t interface_index) {
  auto requests = NetlinkSocket::open();
  if (!requests) return Unexpected<Error>(requests.error());
  auto events = NetlinkSocket::open(RTMGRP_NEIGH | RTMGRP_LINK | RTMGRP_TC | RTMGRP_IPV4_ROUTE |
                                    RTMGRP_IPV6_ROUTE | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR);
  if (!events) return Unexpected<Error>(events.error());
  return std::unique_ptr<NextHops>(
      new NextHops(interface_index, std::move(*requests), std::move(*events)));
}

void NextHops::find_neighbour(NextHop& hop) {
  NetlinkRequest request(RTM_GETNEIGH, 0, neighbour_body(hop.neighbour, index_));
  request.add(NDA_DST, ip_bytes(hop.neighbour));
  requests_.ask(request, [&](const nlmsghdr& message) {
    NeighbourChange found;
    if (message.nlmsg_type != RTM_NEWNEIGH || !parse_neighbour(message, index_, found)) return;
    hop.state = found.state;
    hop.mac = found.mac;
  });
}

NextHop NextHops::find(const Address& destination) {
  NextHop hop;
  RouteQuestion question{.destination = destination};
  if (destination.is_link_local()) question.device = index_;
  const auto route = find_route(requests_, question);
  if (!route || route->type != RTN_UNICAST || route->device != index_) {
    hop.state = NextHop::State::kElsewhere;
    return hop;
  }
  hop.neighbour = route->gateway == IpAddress{} ? destination.ip : route->gateway;
  find_neighbour(hop);
  if (hop.state == NextHop::State::kUnresolved) confirm(hop.neighbour);
  return hop;
}

void NextHops::confirm(const IpAddress& neighbour) {
  ndmsg body = neighbour_body(neighbour, index_);
  body.ndm_flags = NTF_USE;
  NetlinkRequest request(RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, body);
  request.add(NDA_DST, ip_bytes(neighbour));
  requests_.ask(request, [](const nlmsghdr&) {});
}

bool NextHops::changes(std::vector<NeighbourChange>& changes) {
  bool only_neighbours = true;
  const bool all = events_.changes([&](const nlmsghdr& message) {
    if (message.nlmsg_type != RTM_NEWNEIGH && message.nlmsg_type != RTM_DELNEIGH) {
      only_neighbours = false;
      return;
    }
    NeighbourChange change;
    if (parse_neighbour(message, index_, change)) changes.push_back(change);
  });
  return all && only_neighbours;
}

}  // namespace homa::io
