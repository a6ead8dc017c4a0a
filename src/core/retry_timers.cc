#include "core/retry_timers.h"

#include <algorithm>
#include <bit>

#include "base/check.h"

namespace homa::core {

void RetryTimers::arm(Time now, Timer& timer, Time deadline) {
  disarm(timer);
  const std::int64_t now_tick = tick_at(now);
  if (armed_ == 0) current_ = std::max(current_, now_tick);
  const std::int64_t due = std::max(tick_from(deadline), std::max(current_, now_tick) + 1);
  timer.tick = std::min(due, current_ + kSlots - 1);
  const auto slot = static_cast<std::size_t>(timer.tick % kSlots);
  slots_[slot].push_back(timer);
  occupied_[slot / 64] |= 1ULL << (slot % 64);
  ++armed_;
}

void RetryTimers::hasten(Time now, Timer& timer, Time deadline) {
  if (!timer.hook.is_linked() || timer.tick > tick_from(deadline)) arm(now, timer, deadline);
}

void RetryTimers::disarm(Timer& timer) {
  if (!timer.hook.is_linked()) return;
  const auto slot = static_cast<std::size_t>(timer.tick % kSlots);
  slots_[slot].erase(slots_[slot].iterator_to(timer));
  --armed_;
  unmark_if_empty(timer.tick);
}

void RetryTimers::unmark_if_empty(std::int64_t tick) {
  const auto slot = static_cast<std::size_t>(tick % kSlots);
  if (slots_[slot].empty()) occupied_[slot / 64] &= ~(1ULL << (slot % 64));
}

std::int64_t RetryTimers::next_armed() const {
  HOMA_CHECK(armed_ > 0);
  const auto start = static_cast<std::size_t>(current_ % kSlots);
  std::size_t word = start / 64;
  std::uint64_t bits = occupied_[word] & (~0ULL << (start % 64));
  for (std::size_t step = 0; step <= occupied_.size(); ++step) {
    if (bits != 0) {
      const auto slot =
          static_cast<std::int64_t>(word * 64) + static_cast<std::int64_t>(std::countr_zero(bits));
      return current_ + (slot - current_ % kSlots + kSlots) % kSlots;
    }
    word = (word + 1) % occupied_.size();
    bits = occupied_[word];
  }
  HOMA_CHECK(false);
  return current_;
}

Timer* RetryTimers::expire(Time now) {
  if (armed_ == 0) return nullptr;
  const std::int64_t now_tick = tick_at(now);
  const std::int64_t next = next_armed();
  if (next > now_tick) {
    current_ = std::max(current_, now_tick);
    return nullptr;
  }
  current_ = next;
  Timer& timer = slots_[static_cast<std::size_t>(next % kSlots)].front();
  disarm(timer);
  return &timer;
}

Time RetryTimers::next_deadline() const {
  return armed_ == 0 ? kNever : Time(tick_ * next_armed());
}

}  // namespace homa::core
