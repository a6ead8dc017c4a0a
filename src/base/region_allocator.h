// Contiguous blocks out of a region that the allocator never touches: it deals in offsets.
//
// A buddy allocator: blocks are powers of two from 256 bytes up, so a block wastes less than half
// of itself (in addresses; pages that nobody writes cost nothing). Blocks come from the beginning
// of the region as long as it has room there, so that a region of which little is used costs little
// memory, here and where its bytes lie. Small blocks that are freed wait in short stacks to be used
// again, still warm in the cache. O(log size) at most, and O(bytes / kSlab) for long blocks; no
// allocation after construction. One thread.
//
// Whoever owns the bytes can give the pages of free ones back to the system: begin_pass() about
// once a second, then next_unused() until it has none.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>

#include "base/mapping.h"

namespace homa::base {

class RegionAllocator {
 public:
  static constexpr std::uint64_t kUnit = 256;  // offsets are multiples of it

  // region_bytes: rounded down to a multiple of kUnit; at most 1 TiB. Throws std::bad_alloc when
  // there is no memory for its tables: who makes one turns that into an error.
  explicit RegionAllocator(std::uint64_t region_bytes);

  // Offset of `bytes` (> 0) contiguous bytes; nullopt: no such block is free.
  std::optional<std::uint64_t> allocate(std::uint64_t bytes);
  // allocate(bytes) would give some.
  bool has_room(std::uint64_t bytes);
  // Gives back what allocate(bytes) gave. False, and nothing happens, when that is no such block
  // (offset and size may come from another process).
  bool free(std::uint64_t offset, std::uint64_t bytes);
  // The same for who does not remember the size.
  bool free(std::uint64_t offset);

  std::uint64_t capacity() const { return units_ * kUnit; }
  // What allocate() gives at most when everything is free.
  std::uint64_t longest() const { return std::bit_floor(units_) * kUnit; }
  std::uint64_t used() const { return used_; }  // in whole blocks

  // --- Pages of free memory ---
  struct Range {
    std::uint64_t offset;
    std::uint64_t bytes;
  };
  static constexpr std::uint64_t kSlab = 256 << 10;  // pages are given back in such pieces
  // Blocks that wait to be used again become free.
  void begin_pass();
  // Bytes that nobody has had since before the last pass began, and that were used before that:
  // their contents may be discarded, and must be before the next call here, whatever it is.
  // nullopt: the pass is over. O(bytes_max / kSlab + looks).
  std::optional<Range> next_unused(std::uint64_t bytes_max, std::size_t looks);
  bool pass_over() const { return pass_at_ >= slabs_count_; }
  // A later pass has nothing to give back, as long as nobody gets memory meanwhile.
  bool settled() const { return idle_slabs_ == 0; }

 private:
  static constexpr unsigned kOrders = 33;      // blocks of kUnit << 0 .. kUnit << 32
  static constexpr unsigned kQuickOrders = 6;  // up to 8 KiB
  static constexpr std::uint32_t kQuickDepth = 256;
  static constexpr std::uint32_t kNone = 0xffffffff;
  // Block::state: what the block is, and its order. 0 for units inside a block.
  static constexpr std::uint8_t kUsed = 0x80, kFree = 0x40, kQuick = 0xc0, kKind = 0xc0;

  // Of a block's first unit. Zeroed memory, touched when the unit first begins a block.
  struct Block {
    std::uint32_t next;      // free or quick
    std::uint32_t previous;  // free
    std::uint8_t state;
  };
  struct Quick {
    std::uint32_t first = kNone;
    std::uint32_t count = 0;
  };

  // Memory in which blocks lie.
  struct Slab {
    std::uint32_t blocks = 0;    // that were taken and lie here, at least in part
    std::uint16_t freed_in = 0;  // the pass before which the last of them was given back
    bool resident = false;       // it was used since its pages were given back
    bool idle() const { return resident && blocks == 0; }
  };

  static unsigned order_of(std::uint64_t bytes) {
    return bytes <= kUnit ? 0 : static_cast<unsigned>(std::bit_width((bytes - 1) / kUnit));
  }
  static constexpr std::uint64_t size_of(unsigned order) { return std::uint64_t{1} << order; }
  Block& at(std::uint64_t unit) const {
    return reinterpret_cast<Block*>(tables_.bytes().data())[unit];
  }
  std::span<Slab> slabs() const {
    return {reinterpret_cast<Slab*>(tables_.bytes().data() + slabs_begin_), slabs_count_};
  }
  bool has_quick(unsigned order) const { return order < kQuickOrders && quick_[order].count > 0; }
  std::uint32_t take_quick(unsigned order);  // only if has_quick()
  std::optional<std::uint32_t> take(unsigned order);
  std::optional<std::uint32_t> split(unsigned order);
  std::optional<std::uint32_t> extend(unsigned order);
  void give_back(std::uint32_t unit, unsigned order);
  void put(std::uint32_t unit, unsigned order);
  void retract();
  bool can_take(unsigned order) const;
  void link(std::uint32_t unit, unsigned order);
  void unlink(std::uint32_t unit, unsigned order);
  void flush_quick();
  std::span<Slab> slabs_of(std::uint32_t unit, unsigned order) const;
  void enter_slabs(std::uint32_t unit, unsigned order);
  void leave_slabs(std::uint32_t unit, unsigned order);

  std::uint64_t units_;
  std::uint64_t used_ = 0;
  std::uint64_t frontier_ = 0;                // units from here on are free and belong to no block
  Mapping tables_;                            // blocks, then slabs
  std::array<std::uint32_t, kOrders> heads_;  // of the lists of free blocks
  std::array<Quick, kQuickOrders> quick_;

  std::size_t slabs_begin_ = 0, slabs_count_ = 0;
  std::size_t idle_slabs_ = 0;
  std::size_t pass_at_ = 0;  // the slab that the pass looks at next
  std::uint16_t pass_ = 0;
};

// --- Inline: once for each message ---

inline std::uint32_t RegionAllocator::take_quick(unsigned order) {
  Quick& quick = quick_[order];
  --quick.count;
  return std::exchange(quick.first, at(quick.first).next);
}

[[gnu::always_inline]] inline std::optional<std::uint64_t> RegionAllocator::allocate(
    std::uint64_t bytes) {
  if (bytes == 0 || bytes > capacity()) return std::nullopt;
  const unsigned order = order_of(bytes);
  std::uint32_t unit;
  if (has_quick(order)) [[likely]] {
    unit = take_quick(order);
  } else {
    const auto taken = take(order);
    if (!taken) return std::nullopt;
    unit = *taken;
  }
  at(unit).state = static_cast<std::uint8_t>(kUsed | order);
  used_ += kUnit << order;
  return std::uint64_t{unit} * kUnit;
}

inline bool RegionAllocator::free(std::uint64_t offset, std::uint64_t bytes) {
  if (offset % kUnit != 0 || offset / kUnit >= frontier_ || bytes == 0) return false;
  const auto unit = static_cast<std::uint32_t>(offset / kUnit);
  const unsigned order = order_of(bytes);
  if (at(unit).state != (kUsed | order)) return false;
  give_back(unit, order);
  return true;
}

inline void RegionAllocator::give_back(std::uint32_t unit, unsigned order) {
  used_ -= kUnit << order;
  if (order >= kQuickOrders || quick_[order].count >= kQuickDepth) [[unlikely]] {
    return put(unit, order);
  }
  Quick& quick = quick_[order];
  at(unit).state = static_cast<std::uint8_t>(kQuick | order);
  at(unit).next = std::exchange(quick.first, unit);
  ++quick.count;
}

}  // namespace homa::base
