#include "tools/doctor/path.h"

#include <fmt/format.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
#include <netinet/udp.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/descriptor.h"
#include "base/failure.h"
#include "io/socket_address.h"
#include "tools/doctor/quoted_packet.h"

namespace homa::tools {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr std::uint16_t kUnusedPort = 33'434;  // traceroute's: nobody listens there
constexpr milliseconds kPatience{400};
// Linux answers six of these packets at once, then one a second.
constexpr int kTries = 4;
constexpr milliseconds kPause{1'100};
constexpr std::array<std::uint32_t, 8> kUsualMtus = {9'000, 4'000, 1'500, 1'492,
                                                     1'450, 1'400, 1'280, 576};

bool readable(int socket, milliseconds at_most) {
  pollfd descriptor{socket, POLLIN, 0};
  return ::poll(&descriptor, 1, static_cast<int>(at_most.count())) > 0;
}

struct Family {
  int family, level, discover, probe, mtu, headers;
};
constexpr Family kV4{AF_INET, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_PROBE, IP_MTU, 28};
constexpr Family kV6{AF_INET6, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_PROBE, IPV6_MTU, 48};

const Family& family_of(const Address& peer) { return peer.is_v4() ? kV4 : kV6; }

Result<base::Descriptor, Error> connect_to(const Address& peer, std::uint16_t port) {
  const Family& family = family_of(peer);
  base::Descriptor socket(::socket(family.family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  io::SocketName name{};
  const socklen_t length = io::to_socket_name(peer, port, family.family, peer.scope, name);
  const int probe = family.probe;  // never in fragments, whatever the kernel believes of the path
  if (!socket.valid() ||
      ::setsockopt(socket.get(), family.level, family.discover, &probe, sizeof(probe)) != 0 ||
      ::connect(socket.get(), &name.any, length) != 0) {
    return system_failure("cannot send to " + peer.to_string(), errno);
  }
  return socket;
}

enum class Fate { kArrived, kTooBig, kLost };

// What becomes of a packet of `bytes`. `reported`: set if a router says what fits.
Fate send_one(const base::Descriptor& socket, const Family& family, std::uint32_t bytes,
              std::uint32_t& reported) {
  const std::vector<std::byte> payload(bytes - static_cast<std::uint32_t>(family.headers));
  if (::send(socket.get(), payload.data(), payload.size(), 0) < 0 && errno != ECONNREFUSED) {
    return Fate::kTooBig;
  }
  if (!readable(socket.get(), kPatience)) return Fate::kLost;
  int error = 0;
  socklen_t length = sizeof(error);
  ::getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &error, &length);
  if (error != EMSGSIZE) return Fate::kArrived;
  int mtu = 0;
  length = sizeof(mtu);
  if (::getsockopt(socket.get(), family.level, family.mtu, &mtu, &length) == 0 && mtu > 0) {
    reported = static_cast<std::uint32_t>(mtu);
  }
  return Fate::kTooBig;
}

// A packet that seems lost is sent again: the answer may have been held back.
Fate send_patiently(const base::Descriptor& socket, const Family& family, std::uint32_t bytes,
                    int tries, std::uint32_t& reported) {
  for (int i = 0; i < tries; ++i) {
    if (i > 0) ::poll(nullptr, 0, static_cast<int>(kPause.count()));
    const Fate fate = send_one(socket, family, bytes, reported);
    if (fate != Fate::kLost) return fate;
  }
  return Fate::kLost;
}

bool send_priority(const Address& peer, std::uint8_t priority) {
  const auto socket = connect_to(peer, static_cast<std::uint16_t>(kUnusedPort + priority));
  if (!socket) return false;
  const int traffic_class = priority << 5;
  const int name = peer.is_v4() ? IP_TOS : IPV6_TCLASS;
  return ::setsockopt(socket->get(), family_of(peer).level, name, &traffic_class,
                      sizeof(traffic_class)) == 0 &&
         ::send(socket->get(), "", 1, 0) == 1;
}

bool is_missing(const ArrivedPriorities& arrived) {
  return std::any_of(arrived.begin(), arrived.end(), [](const auto& each) { return !each; });
}

void note_answers(const base::Descriptor& icmp, const Address& peer, ArrivedPriorities& arrived) {
  const auto until = steady_clock::now() + kPatience;
  for (auto now = steady_clock::now(); now < until && is_missing(arrived);
       now = steady_clock::now()) {
    const auto left = std::chrono::duration_cast<milliseconds>(until - now) + milliseconds(1);
    if (!readable(icmp.get(), left)) return;
    std::array<std::byte, 2'048> packet{};
    const ssize_t length = ::recv(icmp.get(), packet.data(), packet.size(), MSG_DONTWAIT);
    if (length <= 0) continue;
    const auto bytes = std::span(packet).first(static_cast<std::size_t>(length));
    const auto quoted = peer.is_v4() ? quoted_in_icmp(bytes) : quoted_in_icmp6(bytes);
    if (!quoted || quoted->destination != peer.ip || quoted->udp_port < kUnusedPort) continue;
    const std::size_t priority = quoted->udp_port - kUnusedPort;
    if (priority < arrived.size()) arrived[priority] = quoted->traffic_class >> 5;
  }
}

}  // namespace

Result<PathMtu, Error> probe_mtu(const Address& peer, std::uint32_t mtu) {
  const Family& family = family_of(peer);
  const auto socket = connect_to(peer, kUnusedPort);
  if (!socket) return Unexpected(socket.error());
  PathMtu path;
  constexpr std::uint32_t kSmall = 100;
  path.answers = send_patiently(*socket, family, kSmall, kTries, path.reported) == Fate::kArrived;
  if (!path.answers) return path;
  path.arrives = kSmall;
  std::vector<std::uint32_t> sizes{mtu};
  for (const std::uint32_t usual : kUsualMtus) {
    if (usual < mtu) sizes.push_back(usual);
  }
  for (const std::uint32_t size : sizes) {
    if (path.reported != 0 && size > path.reported) continue;
    // Whether our device's size arrives decides most.
    const int tries = size == mtu ? kTries : 2;
    if (send_patiently(*socket, family, size, tries, path.reported) == Fate::kArrived) {
      path.arrives = size;
      break;
    }
    if (path.reported != 0 && path.reported < size &&
        send_patiently(*socket, family, path.reported, 2, path.reported) == Fate::kArrived) {
      path.arrives = path.reported;
      break;
    }
  }
  return path;
}

Finding check_path_mtu(const PathMtu& path, std::uint32_t mtu) {
  constexpr const char* kName = "path mtu";
  if (!path.answers) {
    return {kName, Verdict::kUnchecked, "the peer answers nothing",
            "it is down, or a firewall drops UDP or ICMP; Homa then learns of dead hosts by "
            "timeouts only",
            "let ICMP errors through"};
  }
  if (path.arrives >= mtu) return good(kName, fmt::format("{} bytes, as our device's", mtu));
  if (path.reported != 0) {
    return {kName, Verdict::kNote,
            fmt::format("{} bytes arrive, of {} that our device takes; a router says so",
                        path.arrives, mtu),
            "Homa follows, but the first message to each peer is cut and sent again",
            fmt::format("ip route change ... mtu {}, or the same MTU everywhere", path.arrives)};
  }
  return {kName, Verdict::kProblem,
          fmt::format("{} bytes arrive; larger packets, up to the {} that our device takes, vanish "
                      "without an ICMP message",
                      path.arrives, mtu),
          "long messages stall until path MTU discovery has found it out, for each peer",
          fmt::format("the same MTU everywhere, or --mtu {} (HostConfig::mtu)", path.arrives)};
}

Result<ArrivedPriorities, Error> probe_priorities(const Address& peer) {
  const bool v4 = peer.is_v4();
  const base::Descriptor icmp(
      ::socket(v4 ? AF_INET : AF_INET6, SOCK_RAW | SOCK_CLOEXEC,
               v4 ? static_cast<int>(IPPROTO_ICMP) : static_cast<int>(IPPROTO_ICMPV6)));
  if (!icmp.valid()) {
    const ErrorCode code = errno == EPERM ? ErrorCode::kNotPermitted : ErrorCode::kSystem;
    return failure(code, "a raw ICMP socket needs CAP_NET_RAW; run it as root");
  }
  ArrivedPriorities arrived{};
  for (int i = 0; i < kTries && is_missing(arrived); ++i) {
    if (i > 0) ::poll(nullptr, 0, static_cast<int>(kPause.count()));
    // The highest, which matter most, first: not all may be answered.
    for (std::size_t left = arrived.size(); left > 0; --left) {
      if (!arrived[left - 1] && !send_priority(peer, static_cast<std::uint8_t>(left - 1))) break;
    }
    note_answers(icmp, peer, arrived);
  }
  return arrived;
}

Finding check_priorities(const ArrivedPriorities& arrived) {
  constexpr const char* kName = "priorities";
  std::string changed;
  std::size_t known = 0;
  for (std::size_t priority = 0; priority < arrived.size(); ++priority) {
    if (!arrived[priority]) continue;
    ++known;
    if (*arrived[priority] == priority) continue;
    changed += fmt::format("{}{} as {}", changed.empty() ? "" : ", ", priority, *arrived[priority]);
  }
  if (known == 0) {
    return {kName, Verdict::kUnchecked, "the peer quotes none of our packets",
            "a firewall drops UDP or ICMP", "let ICMP errors through"};
  }
  if (changed.empty())
    return good(kName, fmt::format("{} of 8 were seen to arrive as sent", known));
  return {kName, Verdict::kProblem, "priorities arrive changed: " + changed,
          "something on the path rewrites DSCP, so that switches cannot tell short messages from "
          "long ones",
          "trust DSCP on the switch ports of these hosts; look for rules that set TOS or DSCP"};
}

}  // namespace homa::tools
