// Deadlines of RPCs and peers, in a wheel of one tick per slot: arming, disarming and firing cost
// O(1) each, and time that passes costs only what expires (docs/protocol.md#loss).
#pragma once

#include <array>
#include <boost/intrusive/list.hpp>
#include <cstdint>

#include "base/time.h"

namespace homa::core {

struct Peer;
struct Rpc;

struct Timer {
  boost::intrusive::list_member_hook<> hook;
  Rpc* rpc = nullptr;     // whose it is: an RPC's
  Peer* peer = nullptr;   // or a peer's
  std::int64_t tick = 0;  // fires at this tick's start, or at the wheel's horizon before it
};

class RetryTimers {
 public:
  explicit RetryTimers(Duration tick) : tick_(tick) {}

  // Fires at the first tick not before `deadline`. A deadline beyond the horizon (511 ticks) fires
  // there: whoever is called looks at the time and arms again. Arms anew if armed.
  void arm(Time now, Timer& timer, Time deadline);
  // The same, but leaves it alone when it fires no later anyway.
  void hasten(Time now, Timer& timer, Time deadline);
  void disarm(Timer& timer);

  // The next timer that is due, disarmed; nullptr when there is none. Call until nullptr.
  Timer* expire(Time now);
  // When expire() may next have something; kNever when no timer is armed.
  Time next_deadline() const;

 private:
  static constexpr std::int64_t kSlots = 512;
  using Slot = boost::intrusive::list<
      Timer,
      boost::intrusive::member_hook<Timer, boost::intrusive::list_member_hook<>, &Timer::hook>,
      boost::intrusive::constant_time_size<false>>;

  std::int64_t tick_at(Time now) const { return now.time_since_epoch() / tick_; }
  std::int64_t tick_from(Time deadline) const {  // the first that is not before it
    return (deadline.time_since_epoch() + tick_ - Duration(1)) / tick_;
  }
  std::int64_t next_armed() const;  // the first non-empty slot's tick; only while armed_ > 0
  void unmark_if_empty(std::int64_t tick);

  Duration tick_;
  std::int64_t current_ = 0;  // every earlier slot is empty
  std::size_t armed_ = 0;
  std::array<Slot, kSlots> slots_;
  std::array<std::uint64_t, kSlots / 64> occupied_{};
};

}  // namespace homa::core
