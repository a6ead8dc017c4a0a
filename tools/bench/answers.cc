#include "tools/bench/answers.h"

#include <algorithm>

namespace homa::tools {

BenchAnswers::Answer BenchAnswers::to(std::span<const std::byte> request) const {
  const auto tag = static_cast<std::uint8_t>(request.empty() ? std::byte{} : request.front());
  const std::size_t wanted = response_bytes_ == 0 ? request.size() : response_bytes_;
  return {pattern_.matches(tag, 0, request), BenchPattern::response_tag(tag),
          static_cast<std::uint32_t>(std::min(wanted, pattern_.message_bytes_max()))};
}

}  // namespace homa::tools
