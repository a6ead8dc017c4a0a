// What a socket's descriptor says of the socket to a program that exec() starts, and that has
// nothing else of it.
//
// A descriptor is one end of a pair of local sockets (channel/signal.h), which exec() keeps like
// any other. The note is kept in its SO_MAX_PACING_RATE: 64 bits that local sockets have and do not
// use.
#pragma once

#include <cstdint>
#include <optional>

namespace homa::preload {

struct SocketNote {
  int family = 0;          // AF_INET or AF_INET6
  std::uint16_t port = 0;  // that it serves; 0: it is a client's
  bool nonblocking = false;
  bool takes_requests = false;

  friend bool operator==(const SocketNote&, const SocketNote&) = default;
};

void write_note(int descriptor, const SocketNote& note);
// nullopt: the descriptor is no Homa socket's.
std::optional<SocketNote> read_note(int descriptor);

}  // namespace homa::preload
