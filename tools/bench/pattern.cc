#include "tools/bench/pattern.h"

#include <algorithm>
#include <cstring>
#include <random>

namespace homa::tools {
namespace {

constexpr std::size_t kTags = 256;
constexpr std::size_t kStride = 61;  // between the beginnings of two tags' messages

}  // namespace

BenchPattern::BenchPattern(std::size_t message_bytes_max)
    : message_bytes_max_(message_bytes_max), text_(message_bytes_max + kTags * kStride) {
  std::mt19937_64 random(2018);
  for (std::byte& byte : text_) byte = static_cast<std::byte>(random());
  for (std::size_t tag = 0; tag < kTags; ++tag) text_[tag * kStride] = static_cast<std::byte>(tag);
}

std::span<const std::byte> BenchPattern::message(std::uint8_t tag, std::size_t bytes) const {
  return std::span(text_).subspan(tag * kStride, std::min(bytes, message_bytes_max_));
}

bool BenchPattern::matches(std::uint8_t tag, std::size_t offset,
                           std::span<const std::byte> part) const {
  if (offset > message_bytes_max_ || part.size() > message_bytes_max_ - offset) return false;
  return part.empty() ||
         std::memcmp(text_.data() + tag * kStride + offset, part.data(), part.size()) == 0;
}

}  // namespace homa::tools
