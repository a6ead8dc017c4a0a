#include "core/incoming_budget.h"

#include <algorithm>

namespace homa::core {
namespace {

constexpr std::uint64_t kGigabit = 1'000'000'000;

// The straight line through (x0, y0) and (x1, y1).
std::uint64_t between(std::uint64_t x, std::uint64_t x0, std::uint64_t y0, std::uint64_t x1,
                      std::uint64_t y1) {
  return y0 + (x - x0) * (y1 - y0) / (x1 - x0);
}

std::uint64_t rate_of(std::uint64_t bytes, Duration elapsed) {
  const auto microseconds = static_cast<std::uint64_t>(elapsed.count()) / 1'000;
  return bytes * 8 / microseconds * 1'000'000;
}

}  // namespace

std::uint32_t max_incoming_for(std::uint64_t bits_per_second) {
  const std::uint64_t gigabits = std::clamp<std::uint64_t>(bits_per_second / kGigabit, 10, 400);
  return static_cast<std::uint32_t>(gigabits >= 25 ? between(gigabits, 25, 480'000, 100, 1'600'000)
                                                   : between(gigabits, 10, 400'000, 25, 480'000));
}

void IncomingBudget::follow(Time now, std::uint64_t received) {
  const std::uint64_t rate = rate_of(received - received_, now - since_);
  since_ = now;
  received_ = received;
  // A pause between two messages makes no slower link, so it falls in small steps.
  bits_per_second_ = std::max(rate, bits_per_second_ - bits_per_second_ / 8);
  bytes_ = std::clamp(max_incoming_for(bits_per_second_), least_, most_);
}

}  // namespace homa::core
