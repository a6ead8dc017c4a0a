// Contiguous blocks out of a region that the allocator never touches: it deals in offsets.
//
// A buddy allocator: blocks are powers of two from 256 bytes up, so a block wastes less than half
// of itself (in addresses; pages that nobody writes cost nothing). Small blocks that are freed wait
// in short stacks to be used again, still warm in the cache. O(log size) at most, no allocation
// after construction. One thread.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

namespace homa::base {

class RegionAllocator {
 public:
  // region_bytes: rounded down to a multiple of 256; at most 1 TiB.
  explicit RegionAllocator(std::uint64_t region_bytes);

  // Offset of `bytes` (> 0) contiguous bytes, a multiple of 256; nullopt: no such block is free.
  std::optional<std::uint64_t> allocate(std::uint64_t bytes);
  // Gives back what allocate(bytes) gave. False, and nothing happens, when that is no such block
  // (offset and size may come from another process).
  bool free(std::uint64_t offset, std::uint64_t bytes);

  std::uint64_t capacity() const { return units_ * kUnit; }
  std::uint64_t used() const { return used_; }  // in whole blocks

 private:
  static constexpr std::uint64_t kUnit = 256;
  static constexpr unsigned kOrders = 33;      // blocks of kUnit << 0 .. kUnit << 32
  static constexpr unsigned kQuickOrders = 6;  // up to 8 KiB
  static constexpr std::size_t kQuickDepth = 64;
  static constexpr std::uint32_t kNone = 0xffffffff;
  // state_ of a block's first unit: what it is, and its order.
  static constexpr std::uint8_t kUsed = 0x80, kFree = 0x40, kQuick = 0xc0, kKind = 0xc0;

  static unsigned order_of(std::uint64_t bytes);
  std::optional<std::uint32_t> take(unsigned order);
  void put(std::uint32_t unit, unsigned order);
  void link(std::uint32_t unit, unsigned order);
  void unlink(std::uint32_t unit, unsigned order);
  void flush_quick();

  std::uint64_t units_;
  std::uint64_t used_ = 0;
  std::unique_ptr<std::uint8_t[]> state_;             // 0 for units inside a block
  std::unique_ptr<std::uint32_t[]> next_, previous_;  // free lists; valid for free blocks only
  std::array<std::uint32_t, kOrders> heads_;
  std::array<std::vector<std::uint32_t>, kQuickOrders> quick_;
};

}  // namespace homa::base
