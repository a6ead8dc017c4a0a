#include "io/error_queue.h"

#include <errno.h>
#include <linux/errqueue.h>
#include <linux/icmpv6.h>
#include <netinet/ip_icmp.h>
#include <sys/socket.h>

#include <algorithm>
#include <optional>

#include "io/socket_address.h"

namespace homa::io {
namespace {

constexpr std::size_t kErrorsMax = 64;
using Kind = IoError::Kind;

// Nothing for messages about something else (a hop limit, for example), and for what the kernel
// itself says of a packet: the call that sent it has failed with the same error.
std::optional<Kind> kind_of(const sock_extended_err& error) {
  if (error.ee_origin == SO_EE_ORIGIN_ICMP && error.ee_type == ICMP_DEST_UNREACH) {
    if (error.ee_code == ICMP_FRAG_NEEDED) return Kind::kTooBig;
    if (error.ee_code == ICMP_PORT_UNREACH) return Kind::kPortUnreachable;
    if (error.ee_code == ICMP_PROT_UNREACH) return Kind::kProtocolUnreachable;
    return Kind::kHostUnreachable;
  }
  if (error.ee_origin == SO_EE_ORIGIN_ICMP6) {
    if (error.ee_type == ICMPV6_PKT_TOOBIG) return Kind::kTooBig;
    if (error.ee_type == ICMPV6_DEST_UNREACH) {
      return error.ee_code == ICMPV6_PORT_UNREACH ? Kind::kPortUnreachable : Kind::kHostUnreachable;
    }
    if (error.ee_type == ICMPV6_PARAMPROB && error.ee_code == ICMPV6_UNK_NEXTHDR) {
      return Kind::kProtocolUnreachable;
    }
  }
  return std::nullopt;
}

bool is_from_network(const sock_extended_err& error) {
  return error.ee_origin == SO_EE_ORIGIN_ICMP || error.ee_origin == SO_EE_ORIGIN_ICMP6;
}

const sock_extended_err* extended_error(msghdr& message) {
  for (cmsghdr* c = CMSG_FIRSTHDR(&message); c != nullptr; c = CMSG_NXTHDR(&message, c)) {
    const bool v4 = c->cmsg_level == SOL_IP && c->cmsg_type == IP_RECVERR;
    const bool v6 = c->cmsg_level == SOL_IPV6 && c->cmsg_type == IPV6_RECVERR;
    if (v4 || v6) return reinterpret_cast<const sock_extended_err*>(CMSG_DATA(c));
  }
  return nullptr;
}

}  // namespace

ErrorQueue::ErrorQueue(Carrier carrier, std::uint16_t fixed_port)
    : carrier_(carrier), fixed_port_(fixed_port) {
  errors_.reserve(kErrorsMax);
}

bool ErrorQueue::drain_one(int socket, bool& from_network) {
  SocketName name{};
  std::byte quoted[128];
  alignas(cmsghdr) std::byte control[256];
  iovec bytes{quoted, sizeof quoted};
  msghdr message{};
  message.msg_name = &name;
  message.msg_namelen = sizeof name;
  message.msg_iov = &bytes;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  const ssize_t length = recvmsg(socket, &message, MSG_ERRQUEUE | MSG_DONTWAIT);
  if (length < 0) return errno == EINTR;
  const sock_extended_err* error = extended_error(message);
  if (error == nullptr) return true;
  from_network = from_network || is_from_network(*error);
  if (auto kind = kind_of(*error); kind && message.msg_namelen > 0) {
    Address peer = to_address(name);
    if (fixed_port_ != 0) peer.udp_port = fixed_port_;
    if (carrier_ == Carrier::kUdp && *kind == Kind::kPortUnreachable) {
      kind = Kind::kProtocolUnreachable;
    }
    const auto quoted_length = std::min(static_cast<std::size_t>(length), sizeof quoted);
    add(*kind, peer, {quoted, quoted_length});
  }
  return true;
}

bool ErrorQueue::drain(int socket) {
  bool from_network = false;
  // Bounded, because a hostile network could fill it as fast as we read.
  for (std::size_t i = 0; i < 4 * kErrorsMax; ++i) {
    if (!drain_one(socket, from_network)) break;
  }
  return from_network;
}

void ErrorQueue::add(IoError::Kind kind, const Address& peer, std::span<const std::byte> header) {
  if (errors_.size() == kErrorsMax) return;
  IoError error;
  error.kind = kind;
  error.peer = peer;
  error.quoted_length = std::min(header.size(), error.quoted.size());
  std::copy_n(header.begin(), error.quoted_length, error.quoted.begin());
  errors_.push_back(error);
}

std::size_t ErrorQueue::take(std::span<IoError> errors) {
  const std::size_t count = std::min(errors.size(), errors_.size());
  std::copy_n(errors_.begin(), count, errors.begin());
  errors_.erase(errors_.begin(), errors_.begin() + static_cast<std::ptrdiff_t>(count));
  return count;
}

}  // namespace homa::io
