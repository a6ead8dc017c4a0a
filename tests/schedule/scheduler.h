// Explores schedules: runs threads one at a time, and decides at each access to shared state which
// one goes on. The same seed gives the same schedule, and a failing one can be run again.
//
// Accesses are sequentially consistent here, whatever order the code asks for. What is explored is
// their interleaving: lost wake-ups, work that nobody does, two owners of one thing.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "base/time.h"

namespace homa::schedule {

class Scheduler {
 public:
  // `one_in`: a thread is interrupted at one access in so many.
  Scheduler(std::uint64_t seed, std::uint32_t one_in);
  ~Scheduler();
  Scheduler(const Scheduler&) = delete;
  Scheduler& operator=(const Scheduler&) = delete;

  // The scheduler that the calling thread runs under; nullptr: none.
  static Scheduler* current();

  // Before or during run(), by the test or by threads of the schedule.
  int spawn(std::function<void()> body);
  // Until all threads have ended. When none can go on, says so on stderr and ends the process with
  // kStuck: threads that wait for ever cannot be ended otherwise.
  void run();
  static constexpr int kStuck = 42;

  // --- In threads of the schedule ---
  void point();  // somebody else may go on now
  void yield();  // somebody else goes on now, if anybody can
  // Sleeps until wake(on), or until the time; nothing has happened between the caller's last
  // access and its sleep.
  void block(const void* on, Time until = kNever);
  void wake(const void* on);
  void join(int thread);
  Time now() const { return now_; }

 private:
  struct Task {
    std::function<void()> body;
    std::thread thread;
    std::condition_variable turn;
    bool running = false;
    bool ended = false;
    const void* blocked_on = nullptr;
    Time until = kNever;
  };

  void main_of(int index);
  int choose();  // -1: all have ended
  void pass_to(int next);
  void switch_from(int index);

  std::mutex mutex_;  // of what follows; only the thread whose turn it is touches it
  std::condition_variable finished_;
  std::vector<std::unique_ptr<Task>> tasks_;
  std::mt19937_64 random_;
  std::uint64_t seed_;
  std::uint32_t one_in_;
  bool started_ = false;
  bool all_ended_ = false;
  Time now_{Duration(1'000'000'000)};
};

}  // namespace homa::schedule
