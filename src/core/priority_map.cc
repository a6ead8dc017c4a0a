#include "core/priority_map.h"

#include <algorithm>
#include <bit>

namespace homa::core {
namespace {
constexpr std::uint32_t kEveryLength = 0xffffffff;
}

Priority unscheduled_priority(const Cutoffs& cutoffs, std::uint32_t length) {
  for (Priority level = kHighestPriority; level > 0; --level) {
    if (cutoffs[level] >= length) return level;
  }
  return 0;
}

PriorityMap::PriorityMap(Priority levels, const Cutoffs& cutoffs)
    : levels_(levels), lowest_(static_cast<Priority>(kPriorities - levels)), cutoffs_(cutoffs) {
  for (Priority level = 0; level < lowest_; ++level) cutoffs_[level] = 0;
  // Some level in use must take every length.
  if (*std::max_element(cutoffs_.begin() + lowest_, cutoffs_.end()) != kEveryLength) {
    Priority level = lowest_;
    while (level < kHighestPriority && cutoffs_[level] == 0) ++level;
    cutoffs_[level] = kEveryLength;
  }
}

std::uint32_t PriorityMap::scheduled_levels() const {
  Priority first_unscheduled = lowest_;
  while (first_unscheduled < kHighestPriority && cutoffs_[first_unscheduled] != kEveryLength) {
    ++first_unscheduled;
  }
  return static_cast<std::uint32_t>(first_unscheduled - lowest_);
}

Priority PriorityMap::scheduled(std::uint32_t rank, std::uint32_t active) const {
  const std::uint32_t used = std::min(scheduled_levels(), active);
  return static_cast<Priority>(lowest_ + (used > rank ? used - 1 - rank : 0));
}

Priority PriorityMap::fifo() const {
  const std::uint32_t levels = scheduled_levels();
  return static_cast<Priority>(lowest_ + (levels > 0 ? levels - 1 : 0));
}

void PriorityMap::count(std::uint32_t length, std::uint32_t unscheduled) {
  unscheduled_bytes_[bucket_of(length)] += unscheduled;
  unscheduled_total_ += unscheduled;
  bytes_total_ += length;
  ++messages_;
}

std::size_t PriorityMap::bucket_of(std::uint32_t length) {
  if (length < 8) return length;
  const auto octave = static_cast<unsigned>(std::bit_width(length)) - 1;  // >= 3
  const std::size_t eighth = (length >> (octave - 3)) & 7;
  return std::min<std::size_t>((octave - 2) * 8 + eighth, kBuckets - 1);
}

std::uint32_t PriorityMap::bucket_limit(std::size_t bucket) {
  if (bucket < 8) return static_cast<std::uint32_t>(bucket);
  const std::size_t octave = bucket / 8 + 2;
  return static_cast<std::uint32_t>(((8 + bucket % 8 + 1) << (octave - 3)) - 1);
}

Cutoffs PriorityMap::balanced(unsigned unscheduled_levels) const {
  Cutoffs chosen{};
  std::uint64_t sum = 0;
  Priority level = kHighestPriority;
  const auto lowest = static_cast<Priority>(kPriorities - unscheduled_levels);
  for (std::size_t bucket = 0; bucket < kBuckets && level > lowest; ++bucket) {
    sum += unscheduled_bytes_[bucket];
    const auto filled = static_cast<unsigned>(kPriorities - level);  // levels closed, this included
    if (sum * unscheduled_levels >= unscheduled_total_ * filled) {
      chosen[level--] = bucket_limit(bucket);
    }
  }
  chosen[level] = kEveryLength;
  return chosen;
}

bool PriorityMap::recompute(std::uint32_t messages_min) {
  bool changed = false;
  if (messages_ >= messages_min && unscheduled_total_ > 0 && levels_ > 1) {
    const auto share = (unscheduled_total_ * levels_ + bytes_total_ / 2) / bytes_total_;
    const auto wanted =
        static_cast<unsigned>(std::clamp<std::uint64_t>(share, 1, std::uint64_t{levels_} - 1));
    const Cutoffs chosen = balanced(wanted);
    for (Priority level = 0; level < kPriorities; ++level) {
      const std::uint64_t now = chosen[level], before = cutoffs_[level];
      // Hardly moved: within an eighth, which is what a bucket resolves.
      if (now > before + before / 8 || before > now + now / 8) changed = true;
    }
    if (changed) {
      cutoffs_ = chosen;
      if (++version_ == 0) version_ = 1;
    }
  }
  unscheduled_bytes_.fill(0);
  unscheduled_total_ = bytes_total_ = 0;
  messages_ = 0;
  return changed;
}

}  // namespace homa::core
