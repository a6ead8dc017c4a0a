// Which part of the receive memory a message may use, so that no message is kept out for ever by
// others that are kept for long (docs/protocol.md#memory).
//
// Memory is dealt out in blocks of powers of two. A message's class is how often its block would
// have to double to be as large as that of the longest message. Each class has a zone that only it
// and the next longer class may use, so every hole there is large enough for it. Short messages
// have a zone of their own. All share a common zone, which has most of the memory. Memory that
// holds few of the longest messages is one zone for all.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "base/region_allocator.h"

namespace homa::core {

class MemoryZones {
 public:
  static constexpr unsigned kClasses = 7;  // the last one: short, all smaller ones together
  static constexpr std::size_t kZonesMax = 1 + kClasses;  // short, one for each class, common
  static constexpr std::uint8_t kNone = 0xff;

  // longest: of a message, in bytes.
  MemoryZones(std::uint64_t bytes, std::uint32_t longest);

  std::size_t zones() const { return zones_.size(); }
  std::uint64_t capacity(std::size_t zone) const { return zones_[zone].allocator->capacity(); }
  std::uint64_t used() const;

  // What a message of `length` bytes takes of its zone.
  static std::uint64_t block_bytes(std::uint32_t length) {
    return length <= base::RegionAllocator::kUnit ? base::RegionAllocator::kUnit
                                                  : std::bit_ceil(std::uint64_t{length});
  }
  unsigned class_of(std::uint64_t block_bytes) const {
    const int halvings = longest_order_ - std::countr_zero(block_bytes);
    return halvings < 0 ? 0 : std::min(static_cast<unsigned>(halvings), kClasses - 1);
  }
  // Of messages that take one unit: their class, and the first of its zones.
  unsigned unit_class() const { return unit_class_; }
  std::uint8_t unit_zone() const { return unit_zone_; }
  // The zones that the class may use, best first, then kNone.
  using Choice = std::array<std::uint8_t, 4>;
  const Choice& choice(unsigned message_class) const { return choices_[message_class]; }

  [[gnu::always_inline]] std::optional<std::uint64_t> allocate(std::size_t zone,
                                                               std::uint64_t bytes) {
    const auto offset = zones_[zone].allocator->allocate(bytes);
    if (!offset) return std::nullopt;
    return zones_[zone].begin + *offset;
  }
  // The zone of the buffer that was freed; kNone, and nothing happens: there is no such buffer.
  std::uint8_t free(std::uint64_t offset, std::uint64_t bytes) {
    std::uint8_t zone = 0;
    while (zone + 1U < zones_.size() && offset >= zones_[zone + 1U].begin) ++zone;
    return zones_[zone].allocator->free(offset - zones_[zone].begin, bytes) ? zone : kNone;
  }
  // As RegionAllocator has it, over all zones.
  void begin_pass();
  std::optional<base::RegionAllocator::Range> next_unused(std::uint64_t bytes_max,
                                                          std::size_t looks);
  bool pass_over() const { return pass_zone_ >= zones_.size(); }
  bool settled() const;

 private:
  struct Zone {
    std::uint64_t begin;
    std::unique_ptr<base::RegionAllocator> allocator;
  };

  // A zone for each class, and a common one.
  void divide(std::uint64_t bytes, std::uint64_t longest_block);
  void add_zone(std::uint64_t bytes);

  int longest_order_;        // binary logarithm of the longest message's block
  std::vector<Zone> zones_;  // by address
  std::array<Choice, kClasses> choices_;
  unsigned unit_class_ = 0;
  std::uint8_t unit_zone_ = 0;
  std::size_t pass_zone_ = kZonesMax;  // where the pass is
};

}  // namespace homa::core
