#include "client/wait_queue.h"

#include <algorithm>

#include "channel/wake.h"

namespace homa::client {

namespace {
constexpr std::uint32_t kWoken = 1;  // of a wake word: see channel::WakeWord
}  // namespace

WaitQueue::WaitQueue(channel::ApplicationEnd& channel, EngineLink& link)
    : channel_(channel), link_(link) {
  for (std::uint32_t index = channel::kWakeWords; index > 0; --index) {
    free_indices_.push_back(index);
  }
}

void WaitQueue::enter(Waiter& waiter) {
  waiters_.push_back(&waiter);
  if (free_indices_.empty()) return;
  waiter.index = free_indices_.back();
  free_indices_.pop_back();
  waiter.word = &channel_.wake_word(waiter.index - 1);
}

void WaitQueue::leave(Waiter& waiter) {
  waiters_.erase(std::find(waiters_.begin(), waiters_.end(), &waiter));
  if (waiter.index != 0) free_indices_.push_back(waiter.index);
}

void WaitQueue::notify(Waiter& waiter) {
  if (waiter.word->load(std::memory_order_relaxed) == kWoken) return;
  channel::wake(*waiter.word);
  if (waiter.watching) link_.interrupt();
}

void WaitQueue::notify_all() {
  for (Waiter* waiter : waiters_) notify(*waiter);
}

void WaitQueue::notify_any(std::size_t messages) {
  for (auto at = waiters_.rbegin(); at != waiters_.rend() && messages > 0; ++at) {
    if (!(*at)->any) continue;
    notify(**at);
    --messages;
  }
}

bool WaitQueue::name_sleeper() {
  std::uint32_t sleeper = 0;
  if (watching_ == 0) {
    const auto last = std::find_if(waiters_.rbegin(), waiters_.rend(),
                                   [](const Waiter* waiter) { return waiter->index != 0; });
    if (last != waiters_.rend()) sleeper = (*last)->index;
  }
  if (sleeper == named_) return false;
  named_ = sleeper;
  channel_.set_sleeper(sleeper);
  return sleeper != 0;
}

}  // namespace homa::client
