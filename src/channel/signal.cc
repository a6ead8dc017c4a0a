#include "channel/signal.h"

#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstddef>

#include "base/failure.h"

namespace homa::channel {

Result<Signal, Error> Signal::create() {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends.data()) != 0) {
    return system_failure("cannot create a pair of sockets", errno);
  }
  return Signal(base::Descriptor(ends[0]), base::Descriptor(ends[1]));
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

bool Signal::clear() const {
  bool was_readable = false;
  std::byte ignored;
  // Bounded: a reader that fills its own queue as fast as this empties it hurts only itself.
  for (int i = 0; i < 1'000; ++i) {
    if (::recv(reader_.get(), &ignored, sizeof(ignored), MSG_DONTWAIT) <= 0) break;
    was_readable = true;
  }
  return was_readable;
}

}  // namespace homa::channel
