// The memory that incoming messages are put together in, and which channel holds which buffer.
//
// The endpoint decides which bytes belong to whom; this keeps who may give them back, so that an
// application can only release, once, what it was given.
#pragma once

#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <utility>

#include "base/check.h"
#include "base/mapping.h"
#include "base/region_allocator.h"
#include "homa/error.h"
#include "homa/result.h"

namespace homa::engine {

class ReceiveRegion {
 public:
  struct Buffer {
    std::uint64_t offset;
    std::uint32_t length;
  };
  // The buffers that one channel holds. They are linked in the region's own tables.
  struct HeldBuffers {
    std::uint32_t first = kNone;
  };

  // kNoMemory.
  static Result<ReceiveRegion, Error> create(std::uint64_t bytes) {
    auto memory = base::Mapping::create(bytes);
    if (!memory) return Unexpected(memory.error());
    return over(std::move(memory).value());
  }
  // In memory that another process may write to: nothing in it is believed. kNoMemory.
  static Result<ReceiveRegion, Error> over(base::Mapping memory) {
    auto region = over(memory.bytes());
    if (region) region->memory_ = std::move(memory);
    return region;
  }
  // In memory that somebody else owns, until take_back(). kNoMemory.
  static Result<ReceiveRegion, Error> over(std::span<std::byte> memory) {
    auto holders = base::Mapping::create((memory.size() / kUnit + 1) * sizeof(Holder));
    if (!holders) return Unexpected(holders.error());
    return ReceiveRegion(memory, std::move(holders).value());
  }
  // No memory, until something is moved here.
  ReceiveRegion() = default;

  void copy_in(std::uint64_t offset, std::span<const std::byte> bytes) {
    if (taken_back_) return;
    HOMA_CHECK(offset <= bytes_.size() && bytes.size() <= bytes_.size() - offset);
    std::memcpy(bytes_.data() + offset, bytes.data(), bytes.size());
  }
  // Nothing is written from now on. What was given stays held.
  void take_back() { taken_back_ = true; }

  // `channel` holds the buffer from now on. `held` is the channel's.
  void give(const Buffer& buffer, std::uint16_t channel, HeldBuffers& held) {
    const auto unit = static_cast<std::uint32_t>(buffer.offset / kUnit);
    at(unit) = Holder{buffer.length, held.first, kNone, channel, 1};
    if (held.first != kNone) at(held.first).previous = unit;
    held.first = unit;
  }
  // The length of the buffer that `channel` holds at `offset`, and holds no more; nullopt: it holds
  // none there. `offset` may be any number.
  std::optional<std::uint32_t> take(std::uint64_t offset, std::uint16_t channel,
                                    HeldBuffers& held) {
    if (offset % kUnit != 0 || offset >= bytes_.size()) return std::nullopt;
    Holder& found = at(offset / kUnit);
    if (found.held == 0 || found.channel != channel) return std::nullopt;
    found.held = 0;
    if (found.next != kNone) at(found.next).previous = found.previous;
    (found.previous != kNone ? at(found.previous).next : held.first) = found.next;
    return found.length;
  }
  // Any buffer that `channel` holds, and holds no more; nullopt: it holds none.
  std::optional<Buffer> take_any(std::uint16_t channel, HeldBuffers& held) {
    if (held.first == kNone) return std::nullopt;
    const std::uint64_t offset = std::uint64_t{held.first} * kUnit;
    const auto length = take(offset, channel, held);
    HOMA_CHECK(length.has_value());
    return Buffer{offset, *length};
  }

  std::uint64_t size() const { return bytes_.size(); }
  const base::Mapping& memory() const { return memory_; }  // empty: somebody else owns it

 private:
  static constexpr std::uint64_t kUnit = base::RegionAllocator::kUnit;  // buffers begin there
  static constexpr std::uint32_t kNone = 0xffffffff;
  struct Holder {  // of the buffer that begins at a unit
    std::uint32_t length;
    std::uint32_t next, previous;  // units: the channel's other buffers
    std::uint16_t channel;
    std::uint16_t held;
  };

  ReceiveRegion(std::span<std::byte> bytes, base::Mapping holders)
      : bytes_(bytes), holders_(std::move(holders)) {}

  Holder& at(std::uint64_t unit) {
    return reinterpret_cast<Holder*>(holders_.bytes().data())[unit];
  }

  base::Mapping memory_;
  std::span<std::byte> bytes_;
  base::Mapping holders_;
  bool taken_back_ = false;
};

}  // namespace homa::engine
