#include "channel/signal.h"

#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstddef>

#include "base/failure.h"

namespace homa::channel {
namespace {

// The kernel calls a socket writable while what waits at the other end takes at most a quarter of
// its send buffer. With the smallest buffer there is, one datagram of this size takes more.
constexpr std::size_t kBlockBytes = 2048;
constexpr int kSmallestBuffer = 1;  // the kernel makes it its least

// Whether anything was there. Bounded: who fills its own queue as fast as this empties it hurts
// only itself.
bool empty(int socket) {
  bool any = false;
  std::byte ignored;
  for (int i = 0; i < 1'000; ++i) {
    if (::recv(socket, &ignored, sizeof(ignored), MSG_DONTWAIT) <= 0) break;
    any = true;
  }
  return any;
}

}  // namespace

Result<Signal, Error> Signal::create() {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends.data()) != 0) {
    return system_failure("cannot create a pair of sockets", errno);
  }
  Signal signal{base::Descriptor(ends[0]), base::Descriptor(ends[1])};
  if (::setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &kSmallestBuffer, sizeof(kSmallestBuffer)) !=
      0) {
    return system_failure("cannot set the buffer of a pair of sockets", errno);
  }
  return signal;
}

Result<Signal, Error> Signal::of_writer(base::Descriptor writer) {
  int domain = 0, type = 0;
  socklen_t length = sizeof(int);
  if (::getsockopt(writer.get(), SOL_SOCKET, SO_DOMAIN, &domain, &length) != 0 ||
      ::getsockopt(writer.get(), SOL_SOCKET, SO_TYPE, &type, &length) != 0 || domain != AF_UNIX ||
      type != SOCK_DGRAM) {
    return failure(ErrorCode::kInvalidArgument, "a signal has to be a datagram socket of a pair");
  }
  return Signal(base::Descriptor(), std::move(writer));
}

void Signal::raise() const {
  const std::byte one{1};
  // It fails when the reader's queue is full, that is, readable, or when the reader broke it.
  [[maybe_unused]] const auto sent =
      ::send(writer_.get(), &one, sizeof(one), MSG_DONTWAIT | MSG_NOSIGNAL);
}

bool Signal::clear() const { return empty(reader_.get()); }

// The datagram fails when one waits there already, or when the reader was shut down.
void Signal::block() const {
  const std::array<std::byte, kBlockBytes> bytes{};
  [[maybe_unused]] const auto sent =
      ::send(reader_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
}

void Signal::unblock() const { empty(writer_.get()); }

}  // namespace homa::channel
