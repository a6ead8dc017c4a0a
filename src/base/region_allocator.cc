#include "base/region_allocator.h"

#include <algorithm>
#include <bit>

#include "base/check.h"

namespace homa::base {

RegionAllocator::RegionAllocator(std::uint64_t region_bytes)
    : units_(std::min(region_bytes / kUnit, std::uint64_t{kNone} - 1)),
      state_(std::make_unique<std::uint8_t[]>(units_)),
      next_(new std::uint32_t[units_]),
      previous_(new std::uint32_t[units_]) {
  heads_.fill(kNone);
  for (auto& stack : quick_) stack.reserve(kQuickDepth);
  std::uint64_t unit = 0;
  while (unit < units_) {  // the largest aligned blocks that fit
    unsigned order = kOrders - 1;
    while ((std::uint64_t{1} << order) > units_ - unit || unit % (std::uint64_t{1} << order) != 0) {
      --order;
    }
    link(static_cast<std::uint32_t>(unit), order);
    unit += std::uint64_t{1} << order;
  }
}

unsigned RegionAllocator::order_of(std::uint64_t bytes) {
  const std::uint64_t units = (bytes + kUnit - 1) / kUnit;
  return units <= 1 ? 0 : static_cast<unsigned>(std::bit_width(units - 1));
}

std::optional<std::uint64_t> RegionAllocator::allocate(std::uint64_t bytes) {
  if (bytes == 0 || bytes > capacity()) return std::nullopt;
  const unsigned order = order_of(bytes);
  std::uint32_t unit;
  if (order < kQuickOrders && !quick_[order].empty()) {
    unit = quick_[order].back();
    quick_[order].pop_back();
  } else {
    auto taken = take(order);
    if (!taken) {
      flush_quick();
      taken = take(order);
    }
    if (!taken) return std::nullopt;
    unit = *taken;
  }
  state_[unit] = static_cast<std::uint8_t>(kUsed | order);
  used_ += kUnit << order;
  return std::uint64_t{unit} * kUnit;
}

bool RegionAllocator::free(std::uint64_t offset, std::uint64_t bytes) {
  if (offset % kUnit != 0 || offset / kUnit >= units_ || bytes == 0 || bytes > capacity()) {
    return false;
  }
  const auto unit = static_cast<std::uint32_t>(offset / kUnit);
  const unsigned order = order_of(bytes);
  if (state_[unit] != (kUsed | order)) return false;
  used_ -= kUnit << order;
  if (order < kQuickOrders && quick_[order].size() < kQuickDepth) {
    state_[unit] = static_cast<std::uint8_t>(kQuick | order);
    quick_[order].push_back(unit);
  } else {
    put(unit, order);
  }
  return true;
}

std::optional<std::uint32_t> RegionAllocator::take(unsigned order) {
  unsigned from = order;
  while (from < kOrders && heads_[from] == kNone) ++from;
  if (from >= kOrders) return std::nullopt;
  const std::uint32_t unit = heads_[from];
  unlink(unit, from);
  while (from > order) {  // split; the upper half stays free
    --from;
    link(unit + (std::uint32_t{1} << from), from);
  }
  return unit;
}

void RegionAllocator::put(std::uint32_t unit, unsigned order) {
  state_[unit] = 0;
  while (order + 1 < kOrders) {
    const std::uint64_t buddy = std::uint64_t{unit} ^ (std::uint64_t{1} << order);
    if (buddy >= units_ || state_[buddy] != (kFree | order)) break;
    unlink(static_cast<std::uint32_t>(buddy), order);
    unit = std::min(unit, static_cast<std::uint32_t>(buddy));
    ++order;
  }
  link(unit, order);
}

void RegionAllocator::link(std::uint32_t unit, unsigned order) {
  state_[unit] = static_cast<std::uint8_t>(kFree | order);
  next_[unit] = heads_[order];
  previous_[unit] = kNone;
  if (heads_[order] != kNone) previous_[heads_[order]] = unit;
  heads_[order] = unit;
}

void RegionAllocator::unlink(std::uint32_t unit, unsigned order) {
  HOMA_CHECK((state_[unit] & kKind) == kFree);
  state_[unit] = 0;
  if (previous_[unit] != kNone) {
    next_[previous_[unit]] = next_[unit];
  } else {
    heads_[order] = next_[unit];
  }
  if (next_[unit] != kNone) previous_[next_[unit]] = previous_[unit];
}

void RegionAllocator::flush_quick() {
  for (unsigned order = 0; order < kQuickOrders; ++order) {
    for (const std::uint32_t unit : quick_[order]) put(unit, order);
    quick_[order].clear();
  }
}

}  // namespace homa::base
