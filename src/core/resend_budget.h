// How many bytes are sent again to one peer. Who asks for the same bytes again and again, or in
// whose name somebody does, gets a share of the link and no more: bytes that go again come before
// all others (docs/protocol.md#bytes-sent-again).
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/time.h"

namespace homa::core {

class ResendBudget {
 public:
  // Each byte of a message may go so often again, on average: seven of eight packets may be lost.
  static constexpr std::uint64_t kFreeTimes = 8;
  // Beyond that, all messages of the peer share this part of the link, and what it left for so
  // long.
  static constexpr std::uint64_t kShareOfLink = 64;
  static constexpr Duration kSavedUp{100'000'000};
  static constexpr std::uint64_t kBytesPerSecondLeast = 64'000;
  static constexpr std::uint64_t kUnknownLink = 1'000'000'000;  // bits per second

  // Of a message of which `sent` bytes went, and `again` bytes went once more: may more of it go?
  static bool is_free(std::uint64_t sent, std::uint64_t again) { return again < kFreeTimes * sent; }
  // How many of `wanted` bytes may go beyond what is free; they count as sent. None, if it would be
  // less than `least`. bits_per_second: of the link; 0: not known.
  std::uint32_t take(Time now, std::uint32_t least, std::uint32_t wanted,
                     std::uint64_t bits_per_second) {
    const std::uint64_t link = bits_per_second == 0 ? kUnknownLink : bits_per_second;
    const std::uint64_t rate = std::max(link / 8 / kShareOfLink, kBytesPerSecondLeast);
    const Duration passed = std::min(now - since_, kSavedUp);
    const std::uint64_t saved = static_cast<std::uint64_t>(passed.count()) * rate / kSecond;
    if (saved < least) return 0;
    const std::uint64_t taken = std::min<std::uint64_t>(wanted, saved);
    // What is not taken stays.
    since_ = now - passed + Duration(static_cast<std::int64_t>(taken * kSecond / rate));
    return static_cast<std::uint32_t>(taken);
  }

 private:
  static constexpr std::uint64_t kSecond = 1'000'000'000;

  Time since_{};  // what the rate allowed from then on was not taken
};

}  // namespace homa::core
