#include "engine/engine_time.h"

#include <algorithm>
#include <utility>

namespace homa::engine {
namespace {

// Longer pauses of the engine are not counted as its peers' silence.
constexpr Duration kPauseCounted{2'000'000};
// Steps in a row that receive packets before timers have their turn all the same.
constexpr std::uint32_t kPostponedMax = 32;

}  // namespace

Time EngineTime::forward(Time now, Time deadline) {
  const Time before = std::exchange(last_, std::max(last_, now));
  if (last_ - before <= kPauseCounted) return last_ - stalled_;
  const Time due = std::max(before, deadline);
  if (due != kNever && last_ - due > kPauseCounted) stalled_ += last_ - due - kPauseCounted;
  return last_ - stalled_;
}

bool EngineTime::timers_fire(Time now, Time deadline, std::size_t packets) {
  if (now < deadline) return false;
  if (packets > 0 && ++postponed_ < kPostponedMax) return false;
  postponed_ = 0;
  return true;
}

}  // namespace homa::engine
