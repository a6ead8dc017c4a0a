// Writes what an engine shows of its present state: gauges, the back end's counters, the RPCs in
// progress. A few times a second while the engine has something to do, once after that, and then no
// more: an engine that sleeps shows what it fell asleep with.
//
// RPCs are looked at in slices, so that packets do not wait for a look at all of them.
#pragma once

#include <cstdint>
#include <vector>

#include "base/time.h"
#include "core/endpoint.h"
#include "engine/published.h"

namespace homa::engine {

class Sampler {
 public:
  static constexpr Duration kInterval{100'000'000};  // from one sample to the next
  static constexpr Duration kBetweenSlices{2'000'000};
  static constexpr std::uint32_t kSlice = 128;  // places in the endpoint's table

  // When step() is due, by the clock; kNever: nothing has happened since the last sample.
  Time due() const { return due_; }
  // The engine did something.
  void note_work(Time clock) {
    if (due_ == kNever) due_ = clock + kInterval;
    worked_ = true;
  }
  // Looks at a slice. True: all RPCs have been looked at and shown, so gauges are to follow.
  // `paused`: what the endpoint's time is behind the clock.
  bool step(Time clock, Duration paused, const core::Endpoint& endpoint, Published& published);

 private:
  void keep(const core::RpcInfo& info, Duration paused);

  Time due_ = kNever;
  Time pass_began_{};
  bool worked_ = false;     // since this pass began
  std::uint32_t next_ = 0;  // place where the next slice begins
  std::vector<core::RpcInfo> slice_;
  std::vector<trace::RpcEntry> oldest_;  // full: a heap, the latest of them in front
};

}  // namespace homa::engine
