#include "preload/buffer_pages.h"

#include <algorithm>

#include "base/check.h"

namespace homa::preload {
namespace {

constexpr std::uint32_t kPage = HOMA_BPAGE_SIZE;
constexpr std::uint64_t kPagesMax = (std::uint64_t{1} << 32) / kPage;

constexpr std::uint32_t page_of(std::uint32_t offset) { return offset >> HOMA_BPAGE_SHIFT; }
constexpr std::uint32_t offset_of(std::uint32_t page) { return page << HOMA_BPAGE_SHIFT; }

}  // namespace

BufferPages::BufferPages(std::uint64_t bytes) : parts_(std::min(bytes / kPage, kPagesMax)) {
  free_.reserve(parts_.size());
  for (std::size_t page = parts_.size(); page > 0; --page) {
    free_.push_back(static_cast<std::uint32_t>(page - 1));
  }
}

bool BufferPages::can_hold(std::uint32_t bytes) const {
  return (bytes + kPage - 1) / kPage <= parts_.size();
}

std::uint32_t BufferPages::take_page() {
  const std::uint32_t page = free_.back();
  free_.pop_back();
  return page;
}

bool BufferPages::has_room_for_tail(std::uint32_t bytes) const {
  return shared_ && bytes <= kPage - shared_used_;
}

// There is room: in the shared page, or a free one.
std::uint32_t BufferPages::place_tail(std::uint32_t bytes) {
  if (!has_room_for_tail(bytes)) {
    shared_ = take_page();
    shared_used_ = 0;
  }
  const std::uint32_t offset = offset_of(*shared_) + shared_used_;
  shared_used_ = std::min(kPage, (shared_used_ + bytes + kAlign - 1) / kAlign * kAlign);
  ++parts_[*shared_];
  return offset;
}

std::optional<PageList> BufferPages::allocate(std::uint32_t bytes) {
  HOMA_CHECK(bytes > 0 && bytes <= HOMA_MAX_MESSAGE_LENGTH);
  const std::uint32_t whole = bytes / kPage;
  const std::uint32_t tail = bytes % kPage;
  const bool needs_page = tail > 0 && !has_room_for_tail(tail);
  if (whole + (needs_page ? 1U : 0U) > free_.size()) return std::nullopt;
  PageList pages;
  for (std::uint32_t i = 0; i < whole; ++i) {
    const std::uint32_t page = take_page();
    ++parts_[page];
    pages.offsets[pages.count++] = offset_of(page);
  }
  if (tail > 0) pages.offsets[pages.count++] = place_tail(tail);
  return pages;
}

bool BufferPages::give_back(std::span<const std::uint32_t> offsets) {
  for (std::size_t i = 0; i < offsets.size(); ++i) {
    const std::uint32_t page = page_of(offsets[i]);
    if (page >= parts_.size() || parts_[page] == 0) {
      for (const std::uint32_t taken : offsets.first(i)) ++parts_[page_of(taken)];
      return false;
    }
    --parts_[page];
  }
  // A page may be named several times, and becomes free once.
  for (std::size_t i = 0; i < offsets.size(); ++i) {
    const std::uint32_t page = page_of(offsets[i]);
    const auto before = offsets.first(i);
    const bool seen = std::any_of(before.begin(), before.end(),
                                  [&](std::uint32_t offset) { return page_of(offset) == page; });
    if (seen || parts_[page] != 0) continue;
    if (shared_ == page) shared_.reset();
    free_.push_back(page);
  }
  return true;
}

}  // namespace homa::preload
