// A decoded header written out again.
#pragma once

#include <span>
#include <variant>
#include <vector>

#include "wire/codec.h"

namespace homa::test {

// The packet of `header`: its header as encode() writes it, and for DATA the payload.
inline std::vector<std::byte> reencode(const wire::Header& header) {
  wire::HeaderBuffer buffer;
  const auto size = std::visit([&](const auto& h) { return wire::encode(h, buffer); }, header);
  std::vector<std::byte> bytes(buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(size));
  if (const auto* data = std::get_if<wire::DataHeader>(&header)) {
    bytes.insert(bytes.end(), data->payload.begin(), data->payload.end());
  }
  return bytes;
}

}  // namespace homa::test
