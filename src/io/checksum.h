// The Internet checksum (RFC 1071).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/bytes.h"

namespace homa::io {

// Ones' complement sum of big-endian 16-bit words, not folded; an odd last byte is a high byte.
inline std::uint64_t sum_words(std::span<const std::byte> bytes) {
  const std::byte* at = bytes.data();
  std::size_t count = bytes.size();
  std::uint64_t sum = 0;
  while (count >= 4) {
    sum += base::load_big_endian<std::uint32_t>(at);
    at += 4;
    count -= 4;
  }
  if (count >= 2) {
    sum += base::load_big_endian<std::uint16_t>(at);
    at += 2;
    count -= 2;
  }
  if (count == 1) sum += std::to_integer<std::uint64_t>(*at) << 8;
  return sum;
}

inline std::uint16_t fold(std::uint64_t sum) {
  while ((sum >> 16) != 0) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(sum);
}

}  // namespace homa::io
