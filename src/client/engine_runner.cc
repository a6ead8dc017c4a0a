#include "client/engine_runner.h"

#include <algorithm>
#include <new>

#include "channel/wake.h"
#include "client/sleeping.h"

namespace homa::client {
namespace {

constexpr std::uint32_t kStepsPerClock = 8;  // idle ones of the engine
constexpr std::size_t kMuchWork = 64;        // done in one step: there may be more

}  // namespace

bool EngineRunner::try_begin() {
  if (!config_.callers_drive) return false;
  State before = state_.load(std::memory_order_seq_cst);
  do {
    if (before == State::kCaller) return false;
  } while (!state_.compare_exchange_weak(before, State::kCaller, std::memory_order_seq_cst));
  count_change();
  if (before == State::kLibrary) interrupt();  // it may sleep on our packets
  return true;
}

void EngineRunner::end() {
  count_change();
  state_.store(State::kNobody, std::memory_order_seq_cst);
  if (left_to_driver_.load(std::memory_order_seq_cst) &&
      left_to_driver_.exchange(false, std::memory_order_seq_cst)) {
    flush();
  }
  if (parked_.load(std::memory_order_seq_cst) &&
      parked_.exchange(false, std::memory_order_seq_cst)) {
    channel::wake(library_word_);
  }
  pass_on();
}

void EngineRunner::drive(const Watch& watch, Time now, Time until) {
  std::uint32_t idle_steps = 0;
  callers_poll_.begin(now);
  while (!watch.ready() && engine_.running()) {
    const bool worked = step(now) > 0;
    if (worked) callers_poll_.worked(callers_poll_.sure() ? now : engine::clock_now());
    const bool looks = callers_poll_.looks(now);
    if (!worked && looks && ++idle_steps % kStepsPerClock != 0) continue;
    if (watch.ready() || now >= until) break;
    if (!looks && sleep(watch, now, until) > 0) callers_poll_.worked(engine::clock_now());
    now = engine::clock_now();
  }
  end();
}

std::size_t EngineRunner::step(Time now) {
  // Who waits for the engine gets it: a lock that is given up for an instant is not enough.
  while (waiting_.load(std::memory_order_relaxed) != 0) channel::yield();
  const std::lock_guard lock(mutex_);
  return engine_.step(now);
}

// True: some housekeeping was due, and is done. False: none is due before `until`, which may have
// become earlier.
bool EngineRunner::tidies(Time now, Time* until) {
  const trace::Counters& counters = engine_.counters();
  const std::uint64_t packets = counters.packets_received.load(std::memory_order_relaxed) +
                                counters.packets_sent.load(std::memory_order_relaxed);
  const Time due = housekeeping_.due(packets);
  if (due <= now) {
    housekeeping_.step(now, packets);
    return true;
  }
  *until = std::min(*until, due);
  return false;
}

std::size_t EngineRunner::sleep(const Watch& watch, Time now, Time until) {
  if (tidies(now, &until)) return 0;
  Hold hold(mutex_);
  if (asleep_) {  // the library's thread, on its way out
    hold.unlock();
    interrupt();
    channel::yield();
    return 0;
  }
  if (watch.ready() || waiting_.load(std::memory_order_seq_cst) != 0) return 0;
  asleep_ = true;
  asleep_until_ = std::min(until, engine_.next_deadline());
  asleep_watch_ = &watch;
  callers_poll_.goes_to_sleep(now);
  engine_.sleep(now, until, &hold);
  asleep_ = false;
  asleep_watch_ = nullptr;
  return engine_.step(engine::clock_now());
}

void EngineRunner::run(Hold hold) {
  if (!config_.callers_drive) return;
  if (!hold.owns_lock()) return flush();
  flush_held(std::move(hold));
}

void EngineRunner::flush() {
  Hold hold(mutex_, std::try_to_lock);
  if (!hold.owns_lock()) {
    left_to_driver_.store(true, std::memory_order_seq_cst);
    if (state_.load(std::memory_order_seq_cst) != State::kNobody) return;
    left_to_driver_.store(false, std::memory_order_relaxed);
    hold.lock();
  }
  flush_held(std::move(hold));
}

void EngineRunner::flush_held(Hold) {
  const Time now = engine::clock_now();
  engine_.flush(now);
  if (asleep_) tell_sleeper(engine_.flush(now) > 0);
}

// The thread that sleeps does not know what another one has just made due, or completed for it.
void EngineRunner::tell_sleeper(bool more_to_do) {
  if (more_to_do || engine_.next_deadline() < asleep_until_ ||
      (asleep_watch_ != nullptr && asleep_watch_->ready())) {
    engine_.wake();
  }
}

std::size_t EngineRunner::look() {
  if (!config_.callers_drive || driven_by_caller()) return 0;
  Hold hold = try_rest();
  if (!hold.owns_lock() || driven_by_caller()) return 0;
  const std::size_t done = engine_.step(engine::clock_now());
  if (asleep_) tell_sleeper(done >= kMuchWork);
  return done;
}

bool EngineRunner::add_sleeper(channel::WakeWord& word) try {
  const std::lock_guard lock(sleepers_mutex_);
  sleepers_.push_back(&word);
  sleepers_count_.fetch_add(1, std::memory_order_seq_cst);
  return true;
} catch (const std::bad_alloc&) {
  return false;
}

void EngineRunner::remove_sleeper(channel::WakeWord& word) {
  const std::lock_guard lock(sleepers_mutex_);
  sleepers_.erase(std::find(sleepers_.begin(), sleepers_.end(), &word));
  sleepers_count_.fetch_sub(1, std::memory_order_seq_cst);
}

void EngineRunner::pass_on() {
  if (sleepers_count_.load(std::memory_order_seq_cst) == 0 || driven_by_caller()) return;
  const std::lock_guard lock(sleepers_mutex_);
  if (!sleepers_.empty()) channel::wake(*sleepers_.back());
}

}  // namespace homa::client
