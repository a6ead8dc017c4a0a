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

  void begin(Time now) {
    since_ = now;
    received_ = 0;
  }
  // Call now and then. `received`: bytes that are here. `may_send`: the sender owes bytes; time in
  // which it must wait for us does not count. `bytes_per_second`: the least rate. True, once for
  // each period: less came.
  bool too_slow(Time now, std::uint32_t received, bool may_send, std::uint32_t bytes_per_second) {
    const Duration elapsed = now - since_;
    if (may_send && elapsed < kPeriod) return false;
    const std::uint64_t came = received - received_;
    since_ = now;
    received_ = received;
    if (!may_send) return false;
    const auto milliseconds = static_cast<std::uint64_t>(elapsed.count()) / 1'000'000;
    return came < milliseconds * bytes_per_second / 1'000;
  }

 private:
  Time since_{};
  std::uint32_t received_ = 0;  // then
};

}  // namespace homa::core
