// Numbers in an order that nobody can continue who does not know the key: a keyed permutation, a
// Feistel network of three rounds with SipHash (Luby, Rackoff 1988).
#pragma once

#include <cstdint>

#include "base/sip_hash.h"

namespace homa::core {

class HiddenOrder {
 public:
  static constexpr unsigned kBits = 42;

  explicit HiddenOrder(std::uint64_t key) : key_{key, ~key} {}

  // Of the lowest kBits bits of `number`. Different numbers have different places.
  std::uint64_t place_of(std::uint64_t number) const {
    std::uint64_t left = number >> kHalf & kMask, right = number & kMask;
    for (std::uint64_t round = 0; round < kRounds; ++round) {
      const std::uint64_t next = left ^ (base::sip_hash(key_, {round, right}) & kMask);
      left = right;
      right = next;
    }
    return left << kHalf | right;
  }

 private:
  static constexpr unsigned kHalf = kBits / 2;
  static constexpr std::uint64_t kMask = (std::uint64_t{1} << kHalf) - 1;
  static constexpr std::uint64_t kRounds = 3;

  base::SipKey key_;
};

}  // namespace homa::core
