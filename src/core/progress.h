// Does a message arrive fast enough to keep its buffer while others wait for memory? One that comes
// byte by byte would keep it for ever (docs/protocol.md#memory).
#pragma once

#include <cstdint>

#include "base/time.h"

namespace homa::core {

class Progress {
 public:
  // Over so long it is measured.
  static constexpr Duration kPeriod{500'000'000};

  struct Seen {
    std::uint32_t received = 0;   // bytes of the message that are here
    bool may_send = true;         // its sender owes bytes
    std::uint64_t from_peer = 0;  // bytes of data that ever came from its sender
    std::uint32_t of_peer = 1;    // messages of its sender that arrive or wait for memory
  };

  void begin(Time now, std::uint64_t from_peer) {
    since_ = now;
    received_ = 0;
    from_peer_ = from_peer;
  }
  // Call now and then. True, once for each period: less than `bytes_per_second` came of it, and its
  // sender did not send as much for each of its messages either. A sender with a busy link sends
  // its shorter messages first, and is not to blame that this one waits.
  // Time in which the sender must wait for us does not count.
  bool too_slow(Time now, const Seen& seen, std::uint32_t bytes_per_second) {
    const Duration elapsed = now - since_;
    if (seen.may_send && elapsed < kPeriod) return false;
    const std::uint64_t came = seen.received - received_;
    const std::uint64_t came_from_peer = seen.from_peer - from_peer_;
    since_ = now;
    received_ = seen.received;
    from_peer_ = seen.from_peer;
    if (!seen.may_send) return false;
    const auto milliseconds = static_cast<std::uint64_t>(elapsed.count()) / 1'000'000;
    const std::uint64_t least = milliseconds * bytes_per_second / 1'000;
    return came < least && came_from_peer < least * seen.of_peer;
  }

 private:
  Time since_{};
  std::uint32_t received_ = 0;   // then
  std::uint64_t from_peer_ = 0;  // then
};

}  // namespace homa::core
