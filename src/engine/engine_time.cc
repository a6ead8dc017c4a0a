#include "engine/engine_time.h"

namespace homa::engine {
namespace {

// Steps in a row that receive packets before timers have their turn all the same.
constexpr std::uint32_t kPostponedMax = 32;

}  // namespace

void EngineTime::stop_for_pause(Time due) {
  if (due != kNever && last_ - due > kPauseCounted) stalled_ += last_ - due - kPauseCounted;
}

bool EngineTime::timers_fire(Time now, Time deadline, std::optional<std::size_t> packets) {
  if (now < deadline || !packets) return false;
  if (*packets > 0 && ++postponed_ < kPostponedMax) return false;
  postponed_ = 0;
  return true;
}

}  // namespace homa::engine
