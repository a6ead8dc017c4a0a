// The memory that incoming messages are put together in, and which channel holds which buffer.
//
// The endpoint decides which bytes belong to whom; this keeps who may give them back, so that an
// application can only release, once, what it was given.
#pragma once

#include <cstdint>
#include <cstring>
#include <optional>
#include <span>

#include "base/check.h"
#include "channel/region.h"

namespace homa::engine {

class ReceiveRegion {
 public:
  ReceiveRegion(channel::Mapping memory, channel::Mapping holders)
      : memory_(std::move(memory)), holders_(std::move(holders)) {}

  // Bytes of memory needed for `holders` of a region.
  static constexpr std::uint64_t holders_bytes(std::uint64_t region_bytes) {
    return (region_bytes / kUnit + 1) * sizeof(Holder);
  }

  void copy_in(std::uint64_t offset, std::span<const std::byte> bytes) {
    const std::span<std::byte> to = memory_.bytes();
    HOMA_CHECK(offset <= to.size() && bytes.size() <= to.size() - offset);
    std::memcpy(to.data() + offset, bytes.data(), bytes.size());
  }

  // `channel` holds the buffer at `offset` from now on.
  void give(std::uint64_t offset, std::uint32_t length, std::uint16_t channel) {
    *holder(offset) = Holder{length, channel, 1};
  }
  // The length of the buffer that `channel` holds at `offset`, and holds no more; nullopt: it holds
  // none there. `offset` may be any number.
  std::optional<std::uint32_t> take(std::uint64_t offset, std::uint16_t channel) {
    Holder* found = holder(offset);
    if (found == nullptr || found->held == 0 || found->channel != channel) return std::nullopt;
    found->held = 0;
    return found->length;
  }
  // Calls visit(offset, length) for each buffer that `channel` holds, and takes it. Visits the
  // whole region: for channels whose application is gone.
  template <typename Visit>
  void take_all(std::uint16_t channel, std::size_t held, Visit visit) {
    const std::uint64_t units = memory_.bytes().size() / kUnit;
    for (std::uint64_t unit = 0; unit < units && held > 0; ++unit) {
      if (const auto length = take(unit * kUnit, channel)) {
        visit(unit * kUnit, *length);
        --held;
      }
    }
  }

  const channel::Mapping& memory() const { return memory_; }

 private:
  static constexpr std::uint64_t kUnit = 256;  // buffers begin at multiples of it
  struct Holder {
    std::uint32_t length;
    std::uint16_t channel;
    std::uint16_t held;
  };

  Holder* holder(std::uint64_t offset) {
    if (offset % kUnit != 0 || offset >= memory_.bytes().size()) return nullptr;
    return reinterpret_cast<Holder*>(holders_.bytes().data()) + offset / kUnit;
  }

  channel::Mapping memory_;
  channel::Mapping holders_;
};

}  // namespace homa::engine
