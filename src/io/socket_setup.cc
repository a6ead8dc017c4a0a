#include "io/socket_setup.h"

#include <netinet/in.h>

#include "base/failure.h"
#include "io/datagram_sender.h"
#include "io/socket_address.h"

namespace homa::io {
namespace {

constexpr int kHopLimit = 64;

}  // namespace

void set_common_options(int socket, bool v4, bool v6, std::uint32_t buffer_bytes) {
  const int bytes = static_cast<int>(buffer_bytes);
  if (!set_option(socket, SOL_SOCKET, SO_RCVBUFFORCE, bytes)) {
    set_option(socket, SOL_SOCKET, SO_RCVBUF, bytes);
  }
  if (!set_option(socket, SOL_SOCKET, SO_SNDBUFFORCE, bytes)) {
    set_option(socket, SOL_SOCKET, SO_SNDBUF, bytes);
  }
  if (v4) {
    set_option(socket, SOL_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO);
    set_option(socket, SOL_IP, IP_TTL, kHopLimit);
    set_option(socket, SOL_IP, IP_TOS, traffic_class(kSocketPriority));
    set_option(socket, SOL_IP, IP_RECVERR, 1);
  }
  if (v6) {
    set_option(socket, SOL_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_DO);
    set_option(socket, SOL_IPV6, IPV6_UNICAST_HOPS, kHopLimit);
    set_option(socket, SOL_IPV6, IPV6_TCLASS, traffic_class(kSocketPriority));
    set_option(socket, SOL_IPV6, IPV6_RECVERR, 1);
  }
}

Result<void, Error> bind_socket(int socket, int family, const Device& device, std::uint16_t port,
                                const std::string& what) {
  SocketName name{};
  const socklen_t length =
      to_socket_name(device.any ? Address{} : device.address, port, family, device.index, name);
  if (bind(socket, &name.any, length) == 0) return {};
  if (errno == EADDRINUSE) {
    return failure(ErrorCode::kInUse, what +
                                          " is in use: another engine runs there. Stop it, or "
                                          "choose another UDP port or address");
  }
  if (errno == EACCES) {
    return failure(ErrorCode::kNotPermitted,
                   what + ": not permitted. Choose a UDP port above 1023, or run as root");
  }
  return system_failure("binding " + what, errno);
}

}  // namespace homa::io
