#include "engine/engine_thread.h"

#include <algorithm>
#include <csignal>

#include <pthread.h>

namespace homa::engine {
namespace {

// Spinning makes up for a slow wake-up; on a machine whose cores are all busy it makes wake-ups
// slower.
constexpr Duration kSpinAtMost{25'000};
constexpr Duration kWakeLatencyMax{100'000};  // beyond, the machine was busy, not slow to wake
constexpr Duration kCloseAtMost{50'000'000};

// Signals are for the application's threads.
class SignalsBlocked {
 public:
  SignalsBlocked() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;

 private:
  sigset_t before_{};
};

}  // namespace

EngineThread::EngineThread(Engine& engine, Duration poll) : engine_(engine), poll_(poll) {
  const SignalsBlocked inherited;
  thread_ = std::thread([this] { run(); });
}

EngineThread::~EngineThread() { stop(); }

void EngineThread::stop() {
  if (!thread_.joinable()) return;
  engine_.post([this] { stop_.store(true, std::memory_order_relaxed); });
  thread_.join();
}

void EngineThread::run() {
  pthread_setname_np(pthread_self(), "homa-engine");
  Duration wake_latency{0};
  Time last_work = clock_now();
  while (!stop_.load(std::memory_order_relaxed)) {
    const Time now = clock_now();
    if (engine_.step(now) > 0) {
      last_work = now;
      continue;
    }
    const Time deadline = engine_.next_deadline();
    const bool soon =
        poll_ > Duration::zero() && wake_latency <= kSpinAtMost && deadline - now <= wake_latency;
    if (soon || now - last_work < poll_) {
      // The thread that we spin for may need this very core.
      std::this_thread::yield();
      continue;
    }
    engine_.sleep(now, kNever);
    const Time woken = clock_now();
    if (woken >= deadline) {
      const Duration late = std::min(woken - deadline, kWakeLatencyMax);
      wake_latency += (late - wake_latency) / 8;
    }
  }
  engine_.close(kCloseAtMost);
}

}  // namespace homa::engine
