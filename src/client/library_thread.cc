// The library's own thread: drives the engine while no caller does. See engine_runner.h.
//
// It looks from time to time whether callers come and go: see look_interval.h. When one has driven
// for long, the thread parks, and is woken when that caller ends: an idle application costs
// nothing.
#include <pthread.h>

#include <system_error>

#include "channel/wake.h"
#include "client/engine_runner.h"
#include "client/look_interval.h"
#include "client/signals_blocked.h"
#include "client/sleeping.h"

namespace homa::client {
namespace {

// Spinning makes up for a slow wake-up; on a machine whose cores are all busy it makes wake-ups
// slower.
constexpr Duration kSpinAtMost{25'000};
constexpr Duration kWakeLatencyMax{100'000};  // beyond, the machine was busy, not slow to wake
constexpr std::uint32_t kLooksBeforeParking = 16;

}  // namespace

Result<void, Error> EngineRunner::start() {
  const SignalsBlocked inherited;
  try {
    thread_ = channel::Thread([this] { run_thread(); });
  } catch (const std::system_error& failure) {
    return Unexpected(Error{ErrorCode::kSystem,
                            "cannot start the engine's thread: " + failure.code().message() +
                                "; raise the limit of threads (ulimit -u, the cgroup's pids.max)"});
  }
  return {};
}

void EngineRunner::stop(Duration close_at_most) {
  if (stopping_.exchange(true, std::memory_order_seq_cst)) return;
  if (thread_.joinable()) {
    channel::wake(library_word_);
    interrupt();
    thread_.join();
  }
  for (bool closed = false; !closed; channel::yield()) {
    with_engine([&] {
      if (asleep_) return;  // a caller that is on its way out
      engine_.close(close_at_most);
      closed = true;
    });
  }
}

void EngineRunner::run_thread() {
  pthread_setname_np(pthread_self(), "homa-engine");
  while (!stopping_.load(std::memory_order_seq_cst)) {
    if (config_.callers_drive) wait_until_idle();
    State nobody = State::kNobody;
    if (state_.compare_exchange_strong(nobody, State::kLibrary, std::memory_order_seq_cst)) {
      drive_as_library();
    }
  }
}

// Until no caller has begun or ended to drive for `takeover`, and none does.
void EngineRunner::wait_until_idle() {
  std::uint32_t unchanged = 0;
  std::uint64_t seen = changes_.load(std::memory_order_relaxed);
  LookInterval interval(config_.takeover);
  while (!stopping_.load(std::memory_order_seq_cst)) {
    nap(engine::clock_now() + interval.next(descriptors_.load(std::memory_order_relaxed)));
    const std::uint64_t changes = changes_.load(std::memory_order_relaxed);
    const State state = state_.load(std::memory_order_seq_cst);
    unchanged = changes == seen ? unchanged + 1 : 0;
    seen = changes;
    if (state == State::kNobody && unchanged > 0) return;
    if (state == State::kCaller && unchanged >= kLooksBeforeParking) park();
    interval.looked(state == State::kNobody);
  }
}

// Until `until`, or stop().
void EngineRunner::nap(Time until) {
  library_word_.store(0, std::memory_order_seq_cst);
  if (!stopping_.load(std::memory_order_seq_cst)) sleep_until_woken(library_word_, until);
}

void EngineRunner::park() {
  // Once parked_ is set, end() may wake the word at any time.
  library_word_.store(0, std::memory_order_seq_cst);
  parked_.store(true, std::memory_order_seq_cst);
  if (driven_by_caller() && !stopping_.load(std::memory_order_seq_cst)) {
    sleep_until_woken(library_word_, kNever);
  }
  parked_.store(false, std::memory_order_seq_cst);
}

void EngineRunner::drive_as_library() {
  Duration wake_latency{0};
  engine::PollWorth poll(config_.poll);
  poll.begin(engine::clock_now());
  const auto drives = [this] { return state_.load(std::memory_order_seq_cst) == State::kLibrary; };
  while (drives() && !stopping_.load(std::memory_order_seq_cst)) {
    const Time now = engine::clock_now();
    if (step(now) > 0) {
      poll.worked(now);
      continue;
    }
    Time until = kNever;
    const bool looks = poll.looks(now);
    if (!looks && tidies(now, &until)) continue;
    Hold hold(mutex_);
    const Time deadline = engine_.next_deadline();
    const bool soon = config_.poll > Duration::zero() && wake_latency <= kSpinAtMost &&
                      deadline - now <= wake_latency;
    if (soon || looks) {
      hold.unlock();
      channel::yield();  // the thread that we spin for may need this very core
      continue;
    }
    if (!drives() || stopping_.load(std::memory_order_seq_cst)) break;
    if (waiting_.load(std::memory_order_seq_cst) != 0) continue;
    asleep_ = true;
    asleep_until_ = deadline;
    poll.goes_to_sleep(now);
    engine_.sleep(now, until, &hold);
    asleep_ = false;
    const Time woken = engine::clock_now();
    if (woken >= deadline) {
      wake_latency += (std::min(woken - deadline, kWakeLatencyMax) - wake_latency) / 8;
    }
  }
  State library = State::kLibrary;
  state_.compare_exchange_strong(library, State::kNobody, std::memory_order_seq_cst);
}

}  // namespace homa::client
