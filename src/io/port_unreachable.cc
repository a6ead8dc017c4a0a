#include "io/port_unreachable.h"

#include <errno.h>
#include <netinet/icmp6.h>
#include <netinet/ip_icmp.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "base/failure.h"
#include "io/checksum.h"
#include "io/socket_address.h"
#include "io/xdp_frame.h"

namespace homa::io {
namespace {

constexpr std::size_t kEthernet = 14;
constexpr std::size_t kIcmpHeader = 8;
constexpr std::size_t kQuotedMax = 512;  // of the packet, IP header included

// We only send: the kernel would give us a copy of every ICMP message.
bool receive_nothing(int socket, bool v4) {
  if (v4) {
    const std::uint32_t all = ~0U;
    constexpr int kIcmpFilter = 1;  // ICMP_FILTER of <linux/icmp.h>
    return setsockopt(socket, SOL_RAW, kIcmpFilter, &all, sizeof all) == 0;
  }
  icmp6_filter none;
  ICMP6_FILTER_SETBLOCKALL(&none);
  return setsockopt(socket, IPPROTO_ICMPV6, ICMP6_FILTER, &none, sizeof none) == 0;
}

}  // namespace

Result<PortUnreachable, Error> PortUnreachable::open(const Address& local) {
  const bool v4 = local.is_v4();
  const int family = v4 ? AF_INET : AF_INET6;
  base::Descriptor socket(::socket(family, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC,
                                   v4 ? kIcmpProtocol : kIcmp6Protocol));
  SocketName name{};
  const socklen_t length = to_socket_name(local, 0, family, local.scope, name);
  if (!socket.valid() || !receive_nothing(socket.get(), v4) ||
      bind(socket.get(), &name.any, length) != 0) {
    return system_failure("opening an ICMP socket, to report closed ports", errno);
  }
  return PortUnreachable(std::move(socket), local);
}

bool PortUnreachable::may_send() {
  const auto now = Clock::now();
  if (now - second_began_ >= std::chrono::seconds(1)) {
    second_began_ = now;
    sent_ = 0;
  }
  return sent_++ < kPerSecond;
}

void PortUnreachable::send(const RxFrame& frame) {
  if (frame.source.is_v4() != local_.is_v4() || !may_send()) return;
  const FrameHeaders headers(Carrier::kIp, {}, {}, frame.source, local_);
  const std::size_t ip_header = headers.size() - kEthernet;
  const std::size_t quoted = std::min(frame.bytes.size(), kQuotedMax - ip_header);
  std::array<std::byte, kEthernet + kIcmpHeader + kQuotedMax> bytes{};
  // The quoted headers are written as of a frame; the ICMP header then takes the place of the last
  // bytes of the Ethernet header.
  std::memcpy(bytes.data() + headers.size(), frame.bytes.data(), quoted);
  headers.write(bytes.data(), static_cast<std::uint32_t>(frame.bytes.size()), frame.priority);
  const auto message =
      std::span(bytes).subspan(kEthernet - kIcmpHeader, kIcmpHeader + ip_header + quoted);
  std::fill_n(message.begin(), kIcmpHeader, std::byte{0});
  const bool v4 = local_.is_v4();
  message[0] = std::byte{v4 ? std::uint8_t{ICMP_DEST_UNREACH} : std::uint8_t{ICMP6_DST_UNREACH}};
  message[1] =
      std::byte{v4 ? std::uint8_t{ICMP_PORT_UNREACH} : std::uint8_t{ICMP6_DST_UNREACH_NOPORT}};
  if (v4) {  // the kernel fills in ICMPv6's
    base::store_big_endian(message.data() + 2,
                           static_cast<std::uint16_t>(~fold(sum_words(message))));
  }
  SocketName name{};
  const socklen_t length =
      to_socket_name(frame.source, 0, v4 ? AF_INET : AF_INET6, local_.scope, name);
  sendto(socket_.get(), message.data(), message.size(), MSG_DONTWAIT, &name.any, length);
}

}  // namespace homa::io
