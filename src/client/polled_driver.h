// Shares a polled engine between the threads of a host: one at a time drives it, the others sleep
// until their message is there or until it is their turn to drive.
//
// Whoever drives may sleep in the back end; submitters wake it through their channels. No
// submission is forgotten: who finds a driver leaves the work to it, and who stops driving looks
// once more for work that was left.
#pragma once

#include <atomic>
#include <mutex>
#include <vector>

#include "base/time.h"
#include "channel/layout.h"
#include "engine/engine.h"

namespace homa::client {

class PolledDriver {
 public:
  explicit PolledDriver(engine::Engine& engine) : engine_(engine) {}

  // --- Driving: one thread at a time ---
  bool try_begin() { return !driving_.exchange(true, std::memory_order_seq_cst); }
  bool is_driven() const { return driving_.load(std::memory_order_seq_cst); }
  void end();
  // Between try_begin() and end(). Returns how much was done.
  std::size_t step(Time now);
  // Sleeps until the engine has something to do, wake() or `until`, unless ready(), which is asked
  // with the engine at rest; then does what there is to do and returns how much that was.
  template <typename Ready>
  std::size_t sleep(Time now, Time until, Ready ready) {
    const std::lock_guard lock(engine_mutex_);
    // with_engine() ends one sleep: do not begin another while somebody waits for the engine.
    if (waiting_.load(std::memory_order_seq_cst) == 0 && !ready()) engine_.sleep(now, until);
    return engine_.step(engine::clock_now());
  }
  // Any thread: ends a sleep(), also one that is about to begin.
  void wake() {
    engine_.post([] {});
  }

  // --- Any thread ---
  // Takes and sends what was submitted, or leaves that to the thread that drives.
  void flush();
  // The same in two steps, for who submits only when the engine is at rest: it is while `rest` owns
  // it, neither running nor asleep, and runs before anything else happens to it. Does not own it:
  // somebody else runs it; publish as for an engine that may sleep, then flush().
  std::unique_lock<std::mutex> try_rest() {
    return std::unique_lock(engine_mutex_, std::try_to_lock);
  }
  void flush(std::unique_lock<std::mutex> rest);
  // When nobody drives: wakes a sleeper to do it. Whoever stops waiting calls it, for it may be the
  // one whose turn it was: end() cannot tell a sleeper that has just got its message.
  void pass_on();
  // Threads that sleep on a word: one of them is woken when nobody drives any more. After
  // add_sleeper(), look at is_driven() before sleeping.
  void add_sleeper(channel::WakeWord& word);
  void remove_sleeper(channel::WakeWord& word);
  // Runs with the engine at rest. Wakes it if it sleeps.
  template <typename Task>
  void with_engine(Task task) {
    waiting_.fetch_add(1, std::memory_order_seq_cst);
    wake();
    const std::lock_guard lock(engine_mutex_);
    waiting_.fetch_sub(1, std::memory_order_seq_cst);
    task();
  }

 private:
  engine::Engine& engine_;
  std::mutex engine_mutex_;
  std::atomic<bool> driving_{false};
  std::atomic<bool> left_to_driver_{false};
  std::atomic<int> waiting_{0};  // threads in with_engine()
  std::atomic<int> sleepers_count_{0};
  std::mutex sleepers_mutex_;
  std::vector<channel::WakeWord*> sleepers_;  // the most recent one last
};

}  // namespace homa::client
