// Bytes as people write them: hex digits in any grouping, `#` begins a comment up to the line's
// end.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace homa::test {

// Throws std::invalid_argument on a character that belongs to neither, and on half a byte.
inline std::vector<std::byte> from_hex(std::string_view text) {
  std::vector<std::byte> bytes;
  std::optional<unsigned> half;
  bool comment = false;
  for (const char c : text) {
    if (c == '\n') comment = false;
    if (c == '#') comment = true;
    if (comment || c == ' ' || c == '\n' || c == '\t' || c == '\r') continue;
    const auto digit = std::string_view("0123456789abcdef").find(c);
    if (digit == std::string_view::npos) throw std::invalid_argument(std::string("not hex: ") + c);
    if (half) {
      bytes.push_back(static_cast<std::byte>(*half << 4 | digit));
      half.reset();
    } else {
      half = static_cast<unsigned>(digit);
    }
  }
  if (half) throw std::invalid_argument("half a byte at the end");
  return bytes;
}

// One line per 16 bytes, so that a failed comparison shows where.
inline std::string to_hex(std::span<const std::byte> bytes) {
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (i > 0) text += i % 16 == 0 ? '\n' : ' ';
    text += "0123456789abcdef"[std::to_integer<unsigned>(bytes[i]) >> 4];
    text += "0123456789abcdef"[std::to_integer<unsigned>(bytes[i]) & 15];
  }
  return text;
}

}  // namespace homa::test
