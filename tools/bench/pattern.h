// The content of benchmark messages: sent without being built, checked without being stored.
//
// A message's first byte, its tag, says where in one fixed random text the message begins, so any
// part that is missing, moved, repeated or from another message is seen.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace homa::tools {

class BenchPattern {
 public:
  explicit BenchPattern(std::size_t message_bytes_max);

  // A message of `bytes` (at most the limit) with this tag. Valid as long as the pattern.
  std::span<const std::byte> message(std::uint8_t tag, std::size_t bytes) const;
  // Whether `part` is what stands at `offset` of such a message.
  bool matches(std::uint8_t tag, std::size_t offset, std::span<const std::byte> part) const;
  std::size_t message_bytes_max() const { return message_bytes_max_; }

  // Tags tell the two messages of an RPC apart, and those of neighbouring RPCs.
  static std::uint8_t request_tag(std::uint64_t rpc) { return static_cast<std::uint8_t>(rpc); }
  static std::uint8_t response_tag(std::uint8_t request_tag) {
    return static_cast<std::uint8_t>(request_tag + 97);
  }

 private:
  std::size_t message_bytes_max_;
  std::vector<std::byte> text_;
};

}  // namespace homa::tools
