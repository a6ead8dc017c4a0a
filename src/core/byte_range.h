// A half-open range of a message's bytes.
#pragma once

#include <cstdint>

namespace homa::core {

struct ByteRange {
  std::uint32_t begin = 0;
  std::uint32_t end = 0;
  std::uint32_t size() const { return end - begin; }
};

}  // namespace homa::core
