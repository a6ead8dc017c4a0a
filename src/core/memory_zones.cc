#include "core/memory_zones.h"

#include <algorithm>

namespace homa::core {
namespace {
constexpr std::uint64_t kLongestForZones = 16;  // memory for fewer of them is one zone
constexpr unsigned kShort = MemoryZones::kClasses - 1;
}  // namespace

MemoryZones::MemoryZones(std::uint64_t bytes, std::uint32_t longest) {
  const std::uint64_t longest_block =
      std::min(block_bytes(longest), std::bit_floor(std::max<std::uint64_t>(bytes, 1)));
  longest_order_ = std::countr_zero(longest_block);
  for (Choice& choice : choices_) choice.fill(kNone);
  if (bytes / longest_block < kLongestForZones) {
    add_zone(bytes);
    for (Choice& choice : choices_) choice[0] = 0;
  } else {
    divide(bytes, longest_block);
  }
  unit_class_ = class_of(block_bytes(1));
  unit_zone_ = choices_[unit_class_][0];
}

void MemoryZones::divide(std::uint64_t bytes, std::uint64_t longest_block) {
  // An eighth for short messages, and less than a quarter for zones of the other classes.
  const std::uint64_t eighth = bytes / longest_block / 8 * longest_block;
  add_zone(eighth);
  for (unsigned message_class = 0; message_class < kShort; ++message_class) {
    add_zone(eighth >> message_class);
  }
  const auto common = static_cast<std::uint8_t>(zones_.size());
  // It begins where a block of the longest message may.
  const std::uint64_t begin = 3 * eighth;
  zones_.push_back({begin, std::make_unique<base::RegionAllocator>(bytes - begin)});
  for (unsigned message_class = 0; message_class < kShort; ++message_class) {
    const auto own = static_cast<std::uint8_t>(1 + message_class);
    Choice& choice = choices_[message_class];
    std::size_t at = 0;
    choice[at++] = own;
    if (message_class + 1 < kShort) choice[at++] = static_cast<std::uint8_t>(own + 1);
    choice[at] = common;
  }
  choices_[kShort][0] = 0;
  choices_[kShort][1] = common;
}

void MemoryZones::add_zone(std::uint64_t bytes) {
  const std::uint64_t begin =
      zones_.empty() ? 0 : zones_.back().begin + zones_.back().allocator->capacity();
  zones_.push_back({begin, std::make_unique<base::RegionAllocator>(bytes)});
}

std::uint64_t MemoryZones::used() const {
  std::uint64_t used = 0;
  for (const Zone& zone : zones_) used += zone.allocator->used();
  return used;
}

void MemoryZones::begin_pass() {
  for (const Zone& zone : zones_) zone.allocator->begin_pass();
  pass_zone_ = 0;
}

std::optional<base::RegionAllocator::Range> MemoryZones::next_unused(std::uint64_t bytes_max,
                                                                     std::size_t looks) {
  if (pass_over()) return std::nullopt;
  const Zone& zone = zones_[pass_zone_];
  auto range = zone.allocator->next_unused(bytes_max, looks);
  if (zone.allocator->pass_over()) ++pass_zone_;
  if (range) range->offset += zone.begin;
  return range;
}

bool MemoryZones::settled() const {
  return std::all_of(zones_.begin(), zones_.end(),
                     [](const Zone& zone) { return zone.allocator->settled(); });
}

}  // namespace homa::core
