#include "base/region_allocator.h"

#include <algorithm>
#include <bit>
#include <new>
#include <utility>

#include "base/check.h"

namespace homa::base {

RegionAllocator::RegionAllocator(std::uint64_t region_bytes)
    : units_(std::min(region_bytes / kUnit, std::uint64_t{kNone} - 1)) {
  heads_.fill(kNone);
  slabs_count_ = static_cast<std::size_t>((capacity() + kSlab - 1) / kSlab);
  slabs_begin_ = static_cast<std::size_t>(std::max<std::uint64_t>(units_, 1) * sizeof(Block));
  auto tables = Mapping::create(slabs_begin_ + slabs_count_ * sizeof(Slab));
  if (!tables) throw std::bad_alloc();
  tables_ = std::move(tables).value();
  pass_at_ = slabs_count_;
}

bool RegionAllocator::free(std::uint64_t offset) {
  if (offset % kUnit != 0 || offset / kUnit >= frontier_) return false;
  const auto unit = static_cast<std::uint32_t>(offset / kUnit);
  const std::uint8_t state = at(unit).state;
  if ((state & kKind) != kUsed) return false;
  give_back(unit, state & ~unsigned{kKind});
  return true;
}

std::optional<std::uint32_t> RegionAllocator::take(unsigned order) {
  auto unit = split(order);
  if (!unit) unit = extend(order);
  if (!unit) {
    flush_quick();
    unit = split(order);
    if (!unit) unit = extend(order);
  }
  if (unit) enter_slabs(*unit, order);
  return unit;
}

bool RegionAllocator::can_take(unsigned order) const {
  const std::uint64_t unit = (frontier_ + size_of(order) - 1) & ~(size_of(order) - 1);
  return (unit <= units_ && size_of(order) <= units_ - unit) ||
         std::any_of(heads_.begin() + order, heads_.end(),
                     [](std::uint32_t head) { return head != kNone; });
}

bool RegionAllocator::has_room(std::uint64_t bytes) {
  if (bytes == 0 || bytes > capacity()) return false;
  const unsigned order = order_of(bytes);
  if (has_quick(order) || can_take(order)) return true;
  flush_quick();
  return can_take(order);
}

// The smallest free block that is large enough, its lower part.
std::optional<std::uint32_t> RegionAllocator::split(unsigned order) {
  unsigned from = order;
  while (from < kOrders && heads_[from] == kNone) ++from;
  if (from >= kOrders) return std::nullopt;
  const std::uint32_t unit = heads_[from];
  unlink(unit, from);
  while (from > order) {  // the upper half stays free
    --from;
    link(unit + static_cast<std::uint32_t>(size_of(from)), from);
  }
  return unit;
}

// A block from beyond the frontier. What lies between is free from now on.
std::optional<std::uint32_t> RegionAllocator::extend(unsigned order) {
  const std::uint64_t unit = (frontier_ + size_of(order) - 1) & ~(size_of(order) - 1);
  if (unit > units_ || size_of(order) > units_ - unit) return std::nullopt;
  while (frontier_ < unit) {  // the largest aligned blocks
    const auto gap = static_cast<unsigned>(std::countr_zero(frontier_));
    link(static_cast<std::uint32_t>(frontier_), gap);
    frontier_ += size_of(gap);
  }
  frontier_ = unit + size_of(order);
  return static_cast<std::uint32_t>(unit);
}

void RegionAllocator::put(std::uint32_t unit, unsigned order) {
  leave_slabs(unit, order);
  at(unit).state = 0;
  while (order + 1 < kOrders) {
    const std::uint64_t buddy = unit ^ size_of(order);
    if (buddy >= frontier_ || at(buddy).state != (kFree | order)) break;
    unlink(static_cast<std::uint32_t>(buddy), order);
    unit = std::min(unit, static_cast<std::uint32_t>(buddy));
    ++order;
  }
  if (unit + size_of(order) < frontier_) return link(unit, order);
  frontier_ = unit;
  retract();
}

// Takes free blocks that end at the frontier back beyond it: together with what lies there, they
// may serve a request that none of them could.
void RegionAllocator::retract() {
  for (unsigned order = 0; order < kOrders && size_of(order) <= frontier_;) {
    const std::uint64_t unit = frontier_ - size_of(order);
    if (unit % size_of(order) == 0 && at(unit).state == (kFree | order)) {
      unlink(static_cast<std::uint32_t>(unit), order);
      frontier_ = unit;
      order = 0;
    } else {
      ++order;
    }
  }
}

void RegionAllocator::link(std::uint32_t unit, unsigned order) {
  at(unit) = Block{heads_[order], kNone, static_cast<std::uint8_t>(kFree | order)};
  if (heads_[order] != kNone) at(heads_[order]).previous = unit;
  heads_[order] = unit;
}

void RegionAllocator::unlink(std::uint32_t unit, unsigned order) {
  Block& block = at(unit);
  HOMA_CHECK((block.state & kKind) == kFree);
  block.state = 0;
  if (block.previous != kNone) {
    at(block.previous).next = block.next;
  } else {
    heads_[order] = block.next;
  }
  if (block.next != kNone) at(block.next).previous = block.previous;
}

void RegionAllocator::flush_quick() {
  for (unsigned order = 0; order < kQuickOrders; ++order) {
    while (has_quick(order)) put(take_quick(order), order);
  }
}

std::span<RegionAllocator::Slab> RegionAllocator::slabs_of(std::uint32_t unit,
                                                           unsigned order) const {
  constexpr std::uint64_t kUnits = kSlab / kUnit;
  const std::uint64_t first = unit / kUnits;
  const std::uint64_t count = std::max<std::uint64_t>(size_of(order) / kUnits, 1);
  return slabs().subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(count));
}

void RegionAllocator::enter_slabs(std::uint32_t unit, unsigned order) {
  for (Slab& slab : slabs_of(unit, order)) {
    if (slab.idle()) --idle_slabs_;
    ++slab.blocks;
    slab.resident = true;
  }
}

void RegionAllocator::leave_slabs(std::uint32_t unit, unsigned order) {
  for (Slab& slab : slabs_of(unit, order)) {
    --slab.blocks;
    slab.freed_in = pass_;
    if (slab.idle()) ++idle_slabs_;
  }
}

void RegionAllocator::begin_pass() {
  flush_quick();
  ++pass_;
  pass_at_ = 0;
}

std::optional<RegionAllocator::Range> RegionAllocator::next_unused(std::uint64_t bytes_max,
                                                                   std::size_t looks) {
  const std::span<Slab> slabs = this->slabs();
  // Passes are counted modulo 65536: a slab that is idle for that long was given back before.
  const auto unused = [&](const Slab& slab) {
    return slab.idle() && static_cast<std::uint16_t>(pass_ - slab.freed_in) > 1;
  };
  while (pass_at_ < slabs.size() && looks > 0 && !unused(slabs[pass_at_])) {
    ++pass_at_;
    --looks;
  }
  const std::size_t first = pass_at_;
  while (pass_at_ < slabs.size() && unused(slabs[pass_at_]) &&
         (pass_at_ - first + 1) * kSlab <= std::max(bytes_max, kSlab)) {
    slabs[pass_at_].resident = false;
    --idle_slabs_;
    ++pass_at_;
  }
  if (pass_at_ == first) return std::nullopt;
  const std::uint64_t begin = first * kSlab;
  return Range{begin, std::min(pass_at_ * kSlab, capacity()) - begin};
}

}  // namespace homa::base
