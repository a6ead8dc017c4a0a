// What a socket leaves behind that nobody uses: messages whose senders gave up, transmit memory of
// a burst. Who uses a socket sees to that; for all others, the thread that runs the engine does,
// before it sleeps, about once a second and as long as there may be something
// (docs/operating.md#memory).
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <vector>

#include "base/time.h"
#include "channel/atomic.h"

namespace homa::client {

// Something that can be tidied: a socket.
class Untidy {
 public:
  enum class Left : std::uint8_t {
    kNothing,  // as long as nothing happens
    kLater,    // look again in a while
    kMore,     // go on at once
  };
  virtual ~Untidy() = default;
  // By any thread, without a lock of anybody's. Does a bounded part, about 0.1 ms. Does not wait.
  virtual Left tidy() = 0;
};

// Any thread may call any of it: who drives the engine changes from one moment to the next.
class Housekeeping {
 public:
  static constexpr Duration kBetweenRounds{1'000'000'000};
  static constexpr std::size_t kLooksAtOnce = 64;  // in one step

  // Throws std::bad_alloc. `thing` stays until remove().
  void add(Untidy& thing) {
    const std::lock_guard lock(mutex_);
    things_.push_back(&thing);
  }
  // Waits for a tidy() of it that is under way.
  void remove(Untidy& thing) {
    const std::lock_guard lock(mutex_);
    const auto found = std::find(things_.begin(), things_.end(), &thing);
    if (found == things_.end()) return;
    *found = things_.back();
    things_.pop_back();
    settled_.store(false, std::memory_order_relaxed);  // the last one may have lost its turn
  }

  // When step() is due. `activity` grows with all that may leave something behind. kNever: nothing
  // is left, and nothing has happened since.
  Time due(std::uint64_t activity) const {
    const Time next{Duration(next_.load(std::memory_order_relaxed))};
    if (next == Time::min()) return next;  // in mid-round
    const bool nothing = settled_.load(std::memory_order_relaxed) &&
                         activity == seen_.load(std::memory_order_relaxed);
    return nothing ? kNever : next;
  }
  void step(Time now, std::uint64_t activity) {
    const std::lock_guard lock(mutex_);
    if (!in_round_) {
      seen_.store(activity, std::memory_order_relaxed);
      settled_.store(true, std::memory_order_relaxed);
      in_round_ = true;
      set_next(Time::min());
    }
    for (std::size_t looks = 0; at_ < things_.size() && looks < kLooksAtOnce; ++looks) {
      const Untidy::Left left = things_[at_]->tidy();
      if (left == Untidy::Left::kMore) return;
      if (left == Untidy::Left::kLater) settled_.store(false, std::memory_order_relaxed);
      ++at_;
    }
    if (at_ < things_.size()) return;
    at_ = 0;
    in_round_ = false;
    set_next(now + kBetweenRounds);
  }

 private:
  void set_next(Time next) {
    next_.store(next.time_since_epoch().count(), std::memory_order_relaxed);
  }

  channel::Mutex mutex_;
  std::vector<Untidy*> things_;
  std::size_t at_ = 0;  // whose turn it is in this round
  bool in_round_ = false;
  // Written under the lock, and read by due() without it.
  channel::Atomic<std::int64_t> next_{0};  // when the next round begins; the least of all: in one
  channel::Atomic<std::uint64_t> seen_{0};
  channel::Atomic<bool> settled_{true};
};

}  // namespace homa::client
