// How much may be sent to a peer that has not proved that it receives at its address: three times
// the bytes, and three times the packets, that came from there (docs/protocol.md#amplification). So
// nobody can use this host to flood another with more than he sends himself.
#pragma once

#include <algorithm>
#include <cstdint>

#include "wire/header.h"

namespace homa::core {

class Amplification {
 public:
  static constexpr std::uint32_t kFactor = 3;

  // A packet came from the peer's address; its bytes from the Homa header on.
  void received(std::size_t bytes) {
    bytes_ += kFactor * std::uint64_t{bytes};
    packets_ += kFactor;
  }
  // May a packet of so many bytes be sent? If so, it counts as sent.
  bool take(std::size_t bytes) {
    if (packets_ == 0 || bytes_ < bytes) return false;
    --packets_;
    bytes_ -= bytes;
    return true;
  }
  // How many of `wanted` bytes of a message may be sent, in packets of up to `payload_max`; those
  // count as sent. `whole_packets`: no more than full packets, but for the last of `wanted`.
  std::uint32_t take_payload(std::uint32_t wanted, std::uint32_t payload_max, bool whole_packets) {
    std::uint32_t taken = 0;
    while (taken < wanted && packets_ > 0 && bytes_ > wire::kDataHeaderBytes) {
      const std::uint32_t packet = std::min(wanted - taken, payload_max);
      const auto affordable = static_cast<std::uint32_t>(
          std::min<std::uint64_t>(packet, bytes_ - wire::kDataHeaderBytes));
      if (affordable < packet && whole_packets) break;
      take(wire::kDataHeaderBytes + affordable);
      taken += affordable;
    }
    return taken;
  }

 private:
  std::uint64_t bytes_ = 0, packets_ = 0;  // that may be sent
};

}  // namespace homa::core
