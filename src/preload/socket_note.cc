#include "preload/socket_note.h"

#include <sys/socket.h>

namespace homa::preload {
namespace {

constexpr std::uint64_t kMagic = 0x686f'6d61'0000'0000;  // "homa"
constexpr std::uint64_t kMagicMask = 0xffff'ffff'0000'0000;
constexpr std::uint64_t kIPv6 = 1 << 16, kNonblocking = 1 << 17, kTakesRequests = 1 << 18;
constexpr std::uint64_t kPortMask = 0xffff;

std::optional<int> int_option(int descriptor, int option) {
  int value = 0;
  socklen_t length = sizeof(value);
  if (::getsockopt(descriptor, SOL_SOCKET, option, &value, &length) != 0) return std::nullopt;
  return value;
}

}  // namespace

void write_note(int descriptor, const SocketNote& note) {
  const std::uint64_t bits = kMagic | note.port | (note.family == AF_INET6 ? kIPv6 : 0) |
                             (note.nonblocking ? kNonblocking : 0) |
                             (note.takes_requests ? kTakesRequests : 0);
  // Without it a program that inherits the descriptor finds no Homa socket there.
  [[maybe_unused]] const int set =
      ::setsockopt(descriptor, SOL_SOCKET, SO_MAX_PACING_RATE, &bits, sizeof(bits));
}

std::optional<SocketNote> read_note(int descriptor) {
  std::uint64_t bits = 0;
  socklen_t length = sizeof(bits);
  if (::getsockopt(descriptor, SOL_SOCKET, SO_MAX_PACING_RATE, &bits, &length) != 0 ||
      length != sizeof(bits) || (bits & kMagicMask) != kMagic) {
    return std::nullopt;
  }
  if (int_option(descriptor, SO_DOMAIN) != AF_UNIX ||
      int_option(descriptor, SO_TYPE) != SOCK_DGRAM) {
    return std::nullopt;
  }
  SocketNote note;
  note.family = (bits & kIPv6) != 0 ? AF_INET6 : AF_INET;
  note.port = static_cast<std::uint16_t>(bits & kPortMask);
  note.nonblocking = (bits & kNonblocking) != 0;
  note.takes_requests = (bits & kTakesRequests) != 0;
  return note;
}

}  // namespace homa::preload
