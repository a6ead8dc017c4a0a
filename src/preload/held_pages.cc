#include "preload/held_pages.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace homa::preload {

Result<HeldPages, Error> HeldPages::create(std::uint64_t bytes) {
  auto owners = base::Mapping::create((bytes / kUnit + 1) * sizeof(std::uint32_t));
  if (!owners) return Unexpected(owners.error());
  return HeldPages(std::move(owners).value());
}

std::uint32_t HeldPages::hold(std::uint64_t offset, std::uint32_t bytes, PageList& pages) {
  HOMA_CHECK(bytes > 0 && bytes <= HOMA_MAX_MESSAGE_LENGTH && offset % kUnit == 0);
  if (unused_.empty()) {
    unused_.reserve(messages_.size() + 1);
    messages_.emplace_back();
    unused_.push_back(static_cast<std::uint32_t>(messages_.size() - 1));
  }
  const std::uint32_t number = unused_.back();
  unused_.pop_back();
  pages = {};
  for (std::uint32_t at = 0; at < bytes; at += HOMA_BPAGE_SIZE) {
    const auto part = static_cast<std::uint32_t>(offset + at);
    std::uint32_t& owner = owners()[part / kUnit];
    HOMA_CHECK(owner == 0);
    owner = number + 1;
    pages.offsets[pages.count++] = part;
  }
  messages_[number] = {bytes, pages.count};
  held_bytes_ += bytes;
  return number;
}

std::optional<HeldPages::Returned> HeldPages::give_back(std::span<const std::uint32_t> offsets) {
  HOMA_CHECK(offsets.size() <= HOMA_MAX_BPAGES);
  std::uint32_t taken[HOMA_MAX_BPAGES];
  for (std::size_t i = 0; i < offsets.size(); ++i) {
    const std::size_t unit = offsets[i] / kUnit;
    taken[i] = offsets[i] % kUnit == 0 && unit < owners().size() ? owners()[unit] : 0;
    if (taken[i] == 0) {
      for (std::size_t j = 0; j < i; ++j) owners()[offsets[j] / kUnit] = taken[j];
      return std::nullopt;
    }
    owners()[unit] = 0;
  }
  Returned returned;
  for (const std::uint32_t owner : std::span(taken).first(offsets.size())) {
    const std::uint32_t number = owner - 1;
    Held& message = messages_[number];
    if (--message.parts_left > 0) continue;
    held_bytes_ -= message.bytes;
    unused_.push_back(number);
    returned.messages[returned.count++] = number;
  }
  return returned;
}

}  // namespace homa::preload
