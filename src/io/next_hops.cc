#include "io/next_hops.h"

#include <linux/neighbour.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/failure.h"

namespace homa::io {
namespace {

constexpr std::size_t kBufferBytes = 32768;
constexpr int kUsable = NUD_REACHABLE | NUD_PROBE | NUD_DELAY | NUD_PERMANENT | NUD_NOARP;

template <typename Body>
struct Request {
  nlmsghdr header{};
  Body body{};
  std::array<std::byte, 64> attributes{};

  Request(std::uint16_t type, std::uint16_t flags) {
    header.nlmsg_len = NLMSG_LENGTH(sizeof(Body));
    header.nlmsg_type = type;
    header.nlmsg_flags = flags;
  }
  void add(std::uint16_t type, const void* data, std::size_t size) {
    const std::size_t at = NLMSG_ALIGN(header.nlmsg_len) - sizeof header - sizeof body;
    const rtattr attribute{static_cast<std::uint16_t>(RTA_LENGTH(size)), type};
    std::memcpy(attributes.data() + at, &attribute, sizeof attribute);
    std::memcpy(attributes.data() + at + sizeof attribute, data, size);
    header.nlmsg_len =
        static_cast<std::uint32_t>(NLMSG_ALIGN(header.nlmsg_len) + RTA_ALIGN(RTA_LENGTH(size)));
  }
};

// An address as netlink carries it: 4 or 16 bytes.
std::pair<const std::uint8_t*, std::size_t> netlink_bytes(const IpAddress& ip, bool is_v4) {
  return is_v4 ? std::pair{ip.data() + 12, std::size_t{4}} : std::pair{ip.data(), std::size_t{16}};
}

bool is_v4(const IpAddress& ip) { return Address{ip, 0}.is_v4(); }

IpAddress ip_of(std::span<const std::byte> bytes) {
  IpAddress ip{};
  if (bytes.size() == 4) {
    ip[10] = ip[11] = 0xff;
    std::memcpy(ip.data() + 12, bytes.data(), 4);
  } else if (bytes.size() == 16) {
    std::memcpy(ip.data(), bytes.data(), 16);
  }
  return ip;
}

// Calls visit(type, bytes) for each attribute behind a message's body.
template <typename Visit>
void attributes(std::span<const std::byte> rest, Visit visit) {
  while (rest.size() >= sizeof(rtattr)) {
    rtattr attribute;
    std::memcpy(&attribute, rest.data(), sizeof attribute);
    if (attribute.rta_len < sizeof attribute || attribute.rta_len > rest.size()) return;
    visit(attribute.rta_type, rest.subspan(sizeof attribute, attribute.rta_len - sizeof attribute));
    rest = rest.subspan(std::min(rest.size(), std::size_t{RTA_ALIGN(attribute.rta_len)}));
  }
}

// Calls visit(type, body and attributes) for each message of a datagram from the kernel.
template <typename Visit>
void messages(std::span<const std::byte> rest, Visit visit) {
  while (rest.size() >= sizeof(nlmsghdr)) {
    nlmsghdr header;
    std::memcpy(&header, rest.data(), sizeof header);
    if (header.nlmsg_len < sizeof header || header.nlmsg_len > rest.size()) return;
    visit(header.nlmsg_type, rest.subspan(sizeof header, header.nlmsg_len - sizeof header));
    rest = rest.subspan(std::min(rest.size(), std::size_t{NLMSG_ALIGN(header.nlmsg_len)}));
  }
}

// False: not about the device `index`.
bool parse_neighbour(std::uint16_t type, std::span<const std::byte> message, std::uint32_t index,
                     NeighbourChange& change) {
  ndmsg body;
  if (message.size() < sizeof body) return false;
  std::memcpy(&body, message.data(), sizeof body);
  if (static_cast<std::uint32_t>(body.ndm_ifindex) != index) return false;
  if (body.ndm_family != AF_INET && body.ndm_family != AF_INET6) return false;
  bool has_mac = false;
  attributes(message.subspan(sizeof body), [&](int attribute, std::span<const std::byte> value) {
    if (attribute == NDA_DST) change.neighbour = ip_of(value);
    if (attribute == NDA_LLADDR && value.size() == change.mac.size()) {
      std::memcpy(change.mac.data(), value.data(), change.mac.size());
      has_mac = true;
    }
  });
  change.state = NextHop::State::kUnresolved;
  if (type == RTM_NEWNEIGH && has_mac) {
    if ((body.ndm_state & kUsable) != 0) change.state = NextHop::State::kReady;
    if ((body.ndm_state & NUD_STALE) != 0) change.state = NextHop::State::kStale;
  }
  return true;
}

Result<base::Descriptor, Error> netlink_socket(std::uint32_t groups) {
  base::Descriptor fd(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE));
  if (!fd.valid()) return system_failure("xdp: netlink socket", errno);
  sockaddr_nl name{};
  name.nl_family = AF_NETLINK;
  name.nl_groups = groups;
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name) != 0) {
    return system_failure("xdp: netlink socket", errno);
  }
  return fd;
}

}  // namespace

Result<std::unique_ptr<NextHops>, Error> NextHops::open(std::uint32_t interface_index) {
  std::unique_ptr<NextHops> hops(new NextHops);
  hops->index_ = interface_index;
  hops->buffer_.resize(kBufferBytes);
  auto requests = netlink_socket(0);
  if (!requests) return Unexpected<Error>(requests.error());
  hops->requests_ = std::move(*requests);
  auto events = netlink_socket(RTMGRP_NEIGH | RTMGRP_LINK | RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE |
                               RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR);
  if (!events) return Unexpected<Error>(events.error());
  hops->events_ = std::move(*events);
  return hops;
}

// rtnetlink answers within the send call, so that the answer is there when it returns.
bool NextHops::ask(void* request, std::uint32_t length, std::vector<std::byte>& answer) {
  static_cast<nlmsghdr*>(request)->nlmsg_seq = ++sequence_;
  if (::send(requests_.get(), request, length, 0) < 0) return false;
  const ssize_t got = ::recv(requests_.get(), buffer_.data(), buffer_.size(), 0);
  if (got < static_cast<ssize_t>(sizeof(nlmsghdr))) return false;
  answer.assign(buffer_.begin(), buffer_.begin() + got);
  return true;
}

bool NextHops::find_route(const Address& destination, NextHop& hop) {
  Request<rtmsg> request(RTM_GETROUTE, NLM_F_REQUEST);
  const bool v4 = destination.is_v4();
  const auto [bytes, size] = netlink_bytes(destination.ip, v4);
  request.body.rtm_family = v4 ? AF_INET : AF_INET6;
  request.body.rtm_dst_len = static_cast<std::uint8_t>(size * 8);
  request.add(RTA_DST, bytes, size);
  if (!v4 && bytes[0] == 0xfe && (bytes[1] & 0xc0) == 0x80) {
    request.add(RTA_OIF, &index_, sizeof index_);  // link-local: only the device makes it a route
  }
  std::vector<std::byte> answer;
  if (!ask(&request, request.header.nlmsg_len, answer)) return false;
  bool found = false;
  messages(answer, [&](std::uint16_t type, std::span<const std::byte> message) {
    rtmsg body;
    if (type != RTM_NEWROUTE || message.size() < sizeof body) return;
    std::memcpy(&body, message.data(), sizeof body);
    std::uint32_t device = 0;
    hop.neighbour = destination.ip;
    attributes(message.subspan(sizeof body), [&](int attribute, std::span<const std::byte> value) {
      if (attribute == RTA_OIF && value.size() == 4) std::memcpy(&device, value.data(), 4);
      if (attribute == RTA_GATEWAY) hop.neighbour = ip_of(value);
    });
    found = body.rtm_type == RTN_UNICAST && device == index_;
  });
  return found;
}

void NextHops::find_neighbour(NextHop& hop) {
  const bool v4 = is_v4(hop.neighbour);
  Request<ndmsg> request(RTM_GETNEIGH, NLM_F_REQUEST);
  request.body.ndm_family = v4 ? AF_INET : AF_INET6;
  request.body.ndm_ifindex = static_cast<int>(index_);
  const auto [bytes, size] = netlink_bytes(hop.neighbour, v4);
  request.add(NDA_DST, bytes, size);
  std::vector<std::byte> answer;
  if (!ask(&request, request.header.nlmsg_len, answer)) return;
  messages(answer, [&](std::uint16_t type, std::span<const std::byte> message) {
    NeighbourChange found;
    if (type != RTM_NEWNEIGH || !parse_neighbour(type, message, index_, found)) return;
    hop.state = found.state;
    hop.mac = found.mac;
  });
}

NextHop NextHops::find(const Address& destination) {
  NextHop hop;
  if (!find_route(destination, hop)) {
    hop.state = NextHop::State::kElsewhere;
    return hop;
  }
  find_neighbour(hop);
  if (hop.state == NextHop::State::kUnresolved) confirm(hop.neighbour);
  return hop;
}

void NextHops::confirm(const IpAddress& neighbour) {
  const bool v4 = is_v4(neighbour);
  Request<ndmsg> request(RTM_NEWNEIGH, NLM_F_REQUEST | NLM_F_CREATE | NLM_F_REPLACE);
  request.body.ndm_family = v4 ? AF_INET : AF_INET6;
  request.body.ndm_ifindex = static_cast<int>(index_);
  request.body.ndm_flags = NTF_USE;
  const auto [bytes, size] = netlink_bytes(neighbour, v4);
  request.add(NDA_DST, bytes, size);
  request.header.nlmsg_seq = ++sequence_;
  // Only a failure is answered; it is read here, so that no later ask() takes it for its own.
  if (::send(requests_.get(), &request, request.header.nlmsg_len, 0) < 0) return;
  std::array<std::byte, 512> ignored;
  while (::recv(requests_.get(), ignored.data(), ignored.size(), 0) > 0) {
  }
}

bool NextHops::changes(std::vector<NeighbourChange>& changes) {
  bool only_neighbours = true;
  while (true) {
    const ssize_t got = ::recv(events_.get(), buffer_.data(), buffer_.size(), 0);
    if (got < 0 && errno == ENOBUFS) {
      only_neighbours = false;
      continue;
    }
    if (got <= 0) return only_neighbours;
    messages(std::span(buffer_).first(static_cast<std::size_t>(got)),
             [&](std::uint16_t type, std::span<const std::byte> message) {
               if (type != RTM_NEWNEIGH && type != RTM_DELNEIGH) {
                 only_neighbours = false;
                 return;
               }
               NeighbourChange change;
               if (parse_neighbour(type, message, index_, change)) changes.push_back(change);
             });
  }
}

}  // namespace homa::io
