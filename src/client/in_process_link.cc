#include "client/in_process_link.h"

#include <algorithm>
#include <future>
#include <thread>
#include <utility>

#include "base/relax.h"
#include "client/sleeping.h"

namespace homa::client {
namespace {

constexpr Duration kCloseAtMost{50'000'000};
constexpr std::uint32_t kLooksPerClock = 32;  // at the ring, between two at the clock
constexpr std::uint32_t kStepsPerClock = 8;   // idle ones of the engine

}  // namespace

InProcessLink::InProcessLink(std::unique_ptr<engine::Engine> engine, base::Descriptor wake,
                             const LinkLimits& limits, const InProcessConfig& config)
    : limits_(limits),
      config_(config),
      wake_(std::move(wake)),
      engine_(std::move(engine)),
      receive_memory_(engine_->receive_memory().bytes()) {
  if (config.polled) {
    driver_.emplace(*engine_);
  } else {
    thread_.emplace(*engine_, config.poll);
  }
}

InProcessLink::~InProcessLink() { stop(); }

template <typename Task>
void InProcessLink::with_engine(Task task) {
  if (driver_) return driver_->with_engine(task);
  const std::lock_guard lock(stop_mutex_);
  if (stopped_) return task();
  std::promise<void> done;
  engine_->post([&] {
    task();
    done.set_value();
  });
  done.get_future().wait();
}

Result<channel::Bell, Error> InProcessLink::attach(std::shared_ptr<channel::Region> region) {
  std::optional<Result<channel::Bell, Error>> bell;
  with_engine([&] { bell = engine_->attach(std::move(region)); });
  return *std::move(bell);
}

EngineLink::Hold InProcessLink::publish(channel::ApplicationEnd& channel) {
  if (driver_) {
    // Nobody needs to be told when the engine is ours to run.
    if (Hold rest = driver_->try_rest(); rest.owns_lock()) {
      channel.publish_to_awake();
      return rest;
    }
  }
  channel.publish();
  return {};
}

void InProcessLink::run(Hold hold) {
  if (!driver_) return;
  if (hold.owns_lock()) return driver_->flush(std::move(hold));
  driver_->flush();
}

void InProcessLink::make_room() {
  if (driver_) {
    driver_->flush();
  } else {
    std::this_thread::yield();
  }
}

bool InProcessLink::begin_watch(std::uint32_t watching, Duration waited) {
  if (driver_) return driver_->try_begin();
  return watching < config_.pollers_max && waited < config_.poll;
}

void InProcessLink::watch(const Watch& watch, Time now, Time until) {
  if (driver_) return drive(watch, now, until);
  const Time poll_until = std::min(until, now + config_.poll);
  for (std::uint32_t looks = 1; !watch.ready(); ++looks) {
    if (looks % kLooksPerClock == 0) {
      if (engine::clock_now() >= poll_until) return;
      std::this_thread::yield();  // the engine may need this very core to get our message
    }
    base::relax();
  }
}

void InProcessLink::drive(const Watch& watch, Time now, Time until) {
  const auto ready = [&] { return watch.ready(); };
  Time last_work = now;
  std::uint32_t idle_steps = 0;
  while (!watch.ready()) {
    if (driver_->step(now) > 0) {
      last_work = now;
    } else if (now - last_work < config_.poll && ++idle_steps % kStepsPerClock != 0) {
      continue;
    }
    if (watch.ready() || now >= until) break;
    if (now - last_work >= config_.poll && driver_->sleep(now, until, ready) > 0) {
      last_work = engine::clock_now();
    }
    now = engine::clock_now();
  }
  driver_->end();
}

void InProcessLink::sleep(const Watch& watch, Time until) {
  if (!driver_) return sleep_until_woken(watch.word(), until);
  driver_->add_sleeper(watch.word());
  if (driver_->is_driven()) sleep_until_woken(watch.word(), until);
  driver_->remove_sleeper(watch.word());
}

void InProcessLink::interrupt() {
  if (driver_) driver_->wake();
}

void InProcessLink::end_wait() {
  if (driver_) driver_->pass_on();
}

void InProcessLink::look() {
  if (driver_) poll();
}

void InProcessLink::stop() {
  {
    const std::lock_guard lock(stop_mutex_);
    if (std::exchange(stopped_, true)) return;
  }
  if (thread_) {
    thread_->stop();
  } else {
    driver_->with_engine([&] { engine_->close(kCloseAtMost); });
  }
}

io::IoStatistics InProcessLink::io_statistics() {
  io::IoStatistics statistics;
  with_engine([&] { statistics = engine_->io_statistics(); });
  return statistics;
}

std::size_t InProcessLink::poll() {
  if (!driver_ || !driver_->try_begin()) return 0;
  const std::size_t done = driver_->step(engine::clock_now());
  driver_->end();
  return done;
}

}  // namespace homa::client
