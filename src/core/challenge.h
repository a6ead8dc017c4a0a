// Who receives at an address? A random number, the nonce, is sent there. Only who receives it can
// send it back (docs/protocol.md#challenge-and-answer).
#pragma once

#include <cstdint>
#include <optional>

#include "base/time.h"
#include "homa/address.h"

namespace homa::core {

class Challenge {
 public:
  // The nonce to send to `address` now. Nothing, if one went there less than `interval` ago. A
  // question that is repeated has the same nonce, so that a late answer counts. `fresh` is random;
  // it becomes the nonce for another address than the last.
  std::optional<std::uint64_t> ask(Time now, const Address& address, Duration interval,
                                   std::uint64_t fresh) {
    if (nonce_ && address == address_) {
      if (now - asked_ < interval) return std::nullopt;
    } else {
      nonce_ = fresh;
      address_ = address;
    }
    asked_ = now;
    return nonce_;
  }

  // When it was asked last.
  Time asked() const { return asked_; }

  // `nonce` came from `from`. True: that answers the question, which is asked no longer.
  bool answered(const Address& from, std::uint64_t nonce) {
    if (nonce_ != nonce || from != address_) return false;
    nonce_.reset();
    return true;
  }

 private:
  std::optional<std::uint64_t> nonce_;  // none: nothing is asked
  Address address_;
  Time asked_{};
};

}  // namespace homa::core
