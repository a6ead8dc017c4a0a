// The endpoint's time: the clock's, without the pauses of the engine itself.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/time.h"

namespace homa::engine {

class EngineTime {
 public:
  // The endpoint's time at `now` by the clock. `deadline()`, by the clock: when the engine would
  // have had something to do; asked only after a pause. The result never goes backwards, although
  // threads that take turns may have read the clock before they got theirs. Time in which the
  // engine had something to do and did not run does not count: it did not look at the packets that
  // came meanwhile, so it would take that time for its peers' silence.
  template <typename Deadline>
  Time forward(Time now, Deadline deadline) {
    const Time before = last_;
    if (now > last_) last_ = now;
    if (last_ - before > kPauseCounted) stop_for_pause(std::max(before, deadline()));
    return last_ - stalled_;
  }
  // What the endpoint's time is behind the clock's.
  Duration paused() const { return stalled_; }
  // The clock's time at the endpoint's `time`.
  Time by_clock(Time time) const { return time == kNever ? kNever : time + stalled_; }

  // Whether timers that are due at `deadline` are to fire at `now` (the endpoint's times both), in
  // a step that has received `packets`; nullopt: it did not look for any. Timers judge who is
  // silent, so everything that has arrived is heard first, for a bounded number of steps.
  bool timers_fire(Time now, Time deadline, std::optional<std::size_t> packets);

 private:
  // Longer pauses of the engine are not counted as its peers' silence.
  static constexpr Duration kPauseCounted{2'000'000};

  void stop_for_pause(Time due);

  Time last_{};          // by the clock
  Duration stalled_{0};  // what the endpoint's time is behind it
  std::uint32_t postponed_ = 0;
};

}  // namespace homa::engine
