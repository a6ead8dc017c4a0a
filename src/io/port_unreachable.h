// Tells senders that nobody has the Homa port they called, by ICMP "port unreachable", as the
// kernel's Homa does. Kernel clients do not know our ERROR packet and would wait for their timeout.
#pragma once

#include <chrono>
#include <cstdint>

#include "base/descriptor.h"
#include "homa/error.h"
#include "homa/result.h"
#include "io/packet_io.h"

namespace homa::io {

class PortUnreachable {
 public:
  // From `local`. Needs CAP_NET_RAW.
  static Result<PortUnreachable, Error> open(const Address& local);

  // Quotes the packet, as IP protocol 146, to its sender. At most kPerSecond; further ones are not
  // sent, as kernels limit theirs.
  void send(const RxFrame& frame);

 private:
  using Clock = std::chrono::steady_clock;
  static constexpr std::uint32_t kPerSecond = 1'000;

  PortUnreachable(base::Descriptor socket, const Address& local)
      : socket_(std::move(socket)), local_(local) {}
  bool may_send();

  base::Descriptor socket_;
  Address local_;
  Clock::time_point second_began_{};
  std::uint32_t sent_ = 0;  // in this second
};

}  // namespace homa::io
