// Says which thread runs an engine. One mode for all applications:
//
//   * A thread that waits in a call drives the engine until its message is there (kCaller). One
//     does at a time; the others sleep until their message is there or it is their turn.
//   * When no thread has driven it for a while (`takeover`), the library's own thread does
//     (kLibrary). It steps back as soon as a thread waits again.
//   * In between nobody does (kNobody), and nothing happens: an application that comes back soon
//     finds its packets where the kernel left them, and no hand-over has cost it time.
//
// A thread that submits something sends it by itself if the engine is at rest, whoever drives it:
// the driver gives the engine up while it sleeps. If the engine is not at rest, the submission is
// left to the driver. No submission is forgotten: who stops driving looks once more for what was
// left to it.
//
// Locks: mutex_ owns the engine. No other lock is taken under it but the engine's own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <vector>

#include "base/time.h"
#include "channel/atomic.h"
#include "channel/layout.h"
#include "client/engine_link.h"
#include "client/guard.h"
#include "client/housekeeping.h"
#include "engine/engine.h"
#include "engine/poll_worth.h"
#include "homa/error.h"
#include "homa/result.h"

namespace homa::client {

struct RunnerConfig {
  // Who drives goes on looking so long before it sleeps, where that pays (engine/poll_worth.h).
  Duration poll{0};
  Duration takeover{0};       // nobody drives for so long: the library's thread does
  bool callers_drive = true;  // false: the library's thread always drives
};

class EngineRunner {
 public:
  using Hold = EngineLink::Hold;

  // Who drives the engine does the housekeeping before it sleeps.
  EngineRunner(engine::Engine& engine, const RunnerConfig& config, Housekeeping& housekeeping)
      : engine_(engine), config_(config), housekeeping_(housekeeping), callers_poll_(config.poll) {}
  ~EngineRunner() { stop(Duration::zero()); }
  EngineRunner(const EngineRunner&) = delete;
  EngineRunner& operator=(const EngineRunner&) = delete;

  // Starts the library's thread. kSystem: there is none to be had.
  Result<void, Error> start();
  // Ends the library's thread and closes the engine, which has `close_at_most` to tell its peers.
  // Threads that drive are told by their sockets before.
  void stop(Duration close_at_most);

  // --- A thread that waits ---
  // True: it is to drive(). False: another thread does, or callers never do.
  bool try_begin();
  // Runs the engine until the watch is ready or it is `until`. `now`: the present time.
  void drive(const Watch& watch, Time now, Time until);
  bool driven_by_caller() const { return state_.load(std::memory_order_seq_cst) == State::kCaller; }
  // Threads that sleep on a word until it is their turn to drive. After add_sleeper(), a thread
  // looks at driven_by_caller() before it sleeps. False: there is no memory, so it cannot sleep.
  bool add_sleeper(channel::WakeWord& word);
  void remove_sleeper(channel::WakeWord& word);
  // When nobody drives: wakes a sleeper to do it. Whoever stops waiting calls it, for it may have
  // been woken for that.
  void pass_on();
  // From now on the application may also wait for a descriptor, where it does not drive.
  void expect_descriptors() { descriptors_.store(true, std::memory_order_relaxed); }
  // Ends the sleep of the thread that drives, also of one that is about to sleep.
  void interrupt() { engine_.interrupt(); }

  // --- Any thread ---
  // Owned: the engine is at rest until the hold ends, and takes what was submitted before run().
  Hold try_rest() { return Hold(mutex_, std::try_to_lock); }
  void run(Hold hold);
  // Takes and sends what was submitted, or leaves that to the thread that drives.
  void flush();
  // A message may wait for the next one of its thread: nobody drives, so that thread is between
  // two waits, or the library's thread will look soon.
  bool may_hold_back() const {
    return config_.callers_drive && state_.load(std::memory_order_relaxed) == State::kNobody;
  }
  // Takes what has arrived, unless a caller drives and does so anyway. Returns how much it was.
  std::size_t look();
  // Runs `task` with the engine at rest.
  template <typename Task>
  void with_engine(Task task) {
    waiting_.fetch_add(1, std::memory_order_seq_cst);
    const Rollback done([&] { waiting_.fetch_sub(1, std::memory_order_seq_cst); });  // if it throws
    interrupt();
    const std::lock_guard lock(mutex_);
    task();
  }

 private:
  enum class State : std::uint32_t { kNobody, kLibrary, kCaller };

  void end();
  void flush_held(Hold hold);
  void tell_sleeper(bool more_to_do);
  std::size_t step(Time now);
  std::size_t sleep(const Watch& watch, Time now, Time until);
  bool tidies(Time now, Time* until);
  void count_change() {
    changes_.store(changes_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  }

  // --- The library's thread ---
  void run_thread();
  void drive_as_library();
  void wait_until_idle();
  void nap(Time until);
  void park();

  engine::Engine& engine_;
  const RunnerConfig config_;
  Housekeeping& housekeeping_;      // by who drives
  engine::PollWorth callers_poll_;  // of the caller that drives

  channel::Mutex mutex_;
  // Under mutex_: a thread is asleep in the engine, which it has given up meanwhile.
  bool asleep_ = false;
  Time asleep_until_{};
  const Watch* asleep_watch_ = nullptr;  // what a caller sleeps for

  channel::Atomic<State> state_{State::kNobody};
  channel::Atomic<std::uint64_t> changes_{0};    // how often a caller began or ended
  channel::Atomic<bool> left_to_driver_{false};  // submissions
  channel::Atomic<bool> descriptors_{false};     // the application waits for some, too
  channel::Atomic<std::uint32_t> waiting_{0};    // threads in with_engine()
  channel::Atomic<std::uint32_t> sleepers_count_{0};
  channel::Mutex sleepers_mutex_;
  std::vector<channel::WakeWord*> sleepers_;  // the most recent one last

  channel::Thread thread_;
  channel::Atomic<bool> stopping_{false};
  channel::Atomic<bool> parked_{false};  // the library's thread sleeps until a caller ends
  channel::WakeWord library_word_{0};
};

}  // namespace homa::client
