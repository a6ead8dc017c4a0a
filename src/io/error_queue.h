// A kernel socket's error queue: ICMP messages about packets of ours, as IoErrors. Bounded: when
// nobody fetches them, further ones are forgotten (the peer's silence is noticed anyway).
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "io/carrier.h"
#include "io/packet_io.h"

namespace homa::io {

class ErrorQueue {
 public:
  // On UDP a closed port means that no engine is there (kProtocolUnreachable): Homa's own ports are
  // inside the packet and the kernel knows nothing of them. Elsewhere `fixed_port` stands in
  // Address::udp_port of the peers.
  ErrorQueue(Carrier carrier, std::uint16_t fixed_port);

  // Empties the socket's queue. True if the network reported anything (and not only the kernel
  // itself about the packet just sent).
  bool drain(int socket);
  void add(IoError::Kind kind, const Address& peer, std::span<const std::byte> header);
  bool empty() const { return errors_.empty(); }
  std::size_t take(std::span<IoError> errors);

 private:
  bool drain_one(int socket, bool& from_network);

  const Carrier carrier_;
  const std::uint16_t fixed_port_;
  std::vector<IoError> errors_;
};

}  // namespace homa::io
