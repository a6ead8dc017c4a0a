#include "client/polled_driver.h"

#include <algorithm>

#include "channel/wake.h"

namespace homa::client {

void PolledDriver::end() {
  driving_.store(false, std::memory_order_seq_cst);
  if (left_to_driver_.load(std::memory_order_seq_cst) &&
      left_to_driver_.exchange(false, std::memory_order_seq_cst)) {
    flush();
  }
  pass_on();
}

void PolledDriver::pass_on() {
  if (sleepers_count_.load(std::memory_order_seq_cst) == 0) return;
  if (driving_.load(std::memory_order_seq_cst)) return;
  const std::lock_guard lock(sleepers_mutex_);
  if (!sleepers_.empty()) channel::wake(*sleepers_.back());
}

std::size_t PolledDriver::step(Time now) {
  const std::lock_guard lock(engine_mutex_);
  return engine_.step(now);
}

void PolledDriver::flush() {
  std::unique_lock lock(engine_mutex_, std::try_to_lock);
  if (!lock.owns_lock()) {
    left_to_driver_.store(true, std::memory_order_seq_cst);
    if (driving_.load(std::memory_order_seq_cst)) return;
    left_to_driver_.store(false, std::memory_order_relaxed);
    lock.lock();
  }
  engine_.flush(engine::clock_now());
}

void PolledDriver::flush(std::unique_lock<std::mutex>) { engine_.flush(engine::clock_now()); }

void PolledDriver::add_sleeper(channel::WakeWord& word) {
  const std::lock_guard lock(sleepers_mutex_);
  sleepers_.push_back(&word);
  sleepers_count_.fetch_add(1, std::memory_order_seq_cst);
}

void PolledDriver::remove_sleeper(channel::WakeWord& word) {
  const std::lock_guard lock(sleepers_mutex_);
  sleepers_.erase(std::find(sleepers_.begin(), sleepers_.end(), &word));
  sleepers_count_.fetch_sub(1, std::memory_order_seq_cst);
}

}  // namespace homa::client
