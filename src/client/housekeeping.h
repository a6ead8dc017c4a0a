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

// One thread at a time calls due() and step(); add() and remove() may be called by any thread.
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
    if (in_round_) return Time::min();
    return settled_.load(std::memory_order_relaxed) && activity == seen_ ? kNever : next_;
  }
  void step(Time now, std::uint64_t activity) {
    const std::lock_guard lock(mutex_);
    if (!in_round_) {
      seen_ = activity;
      settled_.store(true, std::memory_order_relaxed);
      in_round_ = true;
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
    next_ = now + kBetweenRounds;
  }

 private:
  channel::Mutex mutex_;
  std::vector<Untidy*> things_;
  std::size_t at_ = 0;  // whose turn it is in this round
  Time next_{};         // of the next round
  std::uint64_t seen_ = 0;
  bool in_round_ = false;
  channel::Atomic<bool> settled_{true};  // remove() writes it while due() reads it
};

}  // namespace homa::client
