// How threads wait for messages of a socket: poll, then sleep, the most recent one woken first.
//
// Who polls looks at the completion ring and needs no wake-up. Only when nobody polls does the
// channel name a thread to wake: the one that went to sleep last. Whoever takes completions out of
// the ring, for whatever reason, tells the threads that they are for; so a message is never with a
// thread that does not want it, and one that gives up waiting leaves none behind.
#include <algorithm>
#include <thread>

#include "base/relax.h"
#include "channel/wake.h"
#include "client/socket_state.h"

namespace homa::client {
namespace {

constexpr std::uint32_t kWoken = 1;                     // of a wake word: see channel::WakeWord
constexpr std::uint32_t kLooksPerClock = 32;            // at the ring, between two at the clock
constexpr std::uint32_t kStepsPerClock = 8;             // idle ones of the engine
constexpr std::chrono::hours kForever{24 * 365 * 100};  // longer timeouts are none

Deadline deadline_after(Clock::time_point start, Timeout timeout) {
  if (!timeout || *timeout > kForever) return std::nullopt;
  return start + *timeout;
}

Time to_time(Clock::time_point time) { return Time(time.time_since_epoch()); }

bool passed(Deadline deadline) { return deadline && Clock::now() >= *deadline; }

void sleep_until_woken(channel::WakeWord& word, Deadline deadline) {
  while (word.load(std::memory_order_acquire) == 0 && !passed(deadline)) {
    channel::sleep_on(word, deadline);
  }
}

}  // namespace

SocketState::Waited SocketState::wait(Lock& lock, Waiter& waiter, Timeout timeout, Take take) {
  drain();
  if (take()) {
    settle();
    return Waited::kTaken;
  }
  if (closed_ || channel_.engine_gone()) return Waited::kClosed;
  if (timeout && *timeout <= Timeout::value_type::zero()) return look_once(lock, take);
  const Clock::time_point start = Clock::now();
  const Deadline deadline = deadline_after(start, timeout);
  const Clock::time_point poll_until = start + host_->config().poll;
  Time now = to_time(start);
  if (held_back_ > 0) let_go();
  enter(waiter);
  Waited result = Waited::kTimedOut;
  for (;;) {
    waiter.word->store(0, std::memory_order_relaxed);
    if (host_->driver() != nullptr) {
      drive(lock, waiter, now, deadline);
    } else if (polling_ < host_->config().pollers_max && Clock::now() < poll_until) {
      poll(lock, waiter, deadline ? std::min(*deadline, poll_until) : poll_until);
    } else {
      sleep(lock, waiter, deadline);
    }
    drain();
    if (take()) {
      result = Waited::kTaken;
    } else if (closed_ || channel_.engine_gone()) {
      result = Waited::kClosed;
    } else if (!passed(deadline)) {
      now = engine::clock_now();
      continue;
    }
    break;
  }
  leave(waiter);
  settle();
  if (PolledDriver* driver = host_->driver()) driver->pass_on();
  return result;
}

// Nothing more is ready: what waited for it goes.
void SocketState::let_go() {
  held_back_ = 0;
  channel_.publish();
  if (PolledDriver* driver = host_->driver()) driver->flush();
}

// Timeout 0: what is there now, no more. A polled engine gets one step.
SocketState::Waited SocketState::look_once(Lock& lock, Take take) {
  Waited result = Waited::kTimedOut;
  if (held_back_ > 0) let_go();
  if (PolledDriver* driver = host_->driver(); driver != nullptr && driver->try_begin()) {
    lock.unlock();
    driver->step(engine::clock_now());
    driver->end();
    lock.lock();
    drain();
    if (take()) result = Waited::kTaken;
  }
  if (result == Waited::kTimedOut && closed_) result = Waited::kClosed;
  settle();
  // A write that the engine owed when the descriptor was last made unreadable has come since.
  if (result == Waited::kTimedOut && descriptor_owed_ &&
      channel::clear_descriptor(channel_.descriptor())) {
    descriptor_owed_ = false;
    // Or it was for a message that came just now.
    if (!channel_.descriptor_armed()) channel::signal_descriptor(channel_.descriptor());
  }
  return result;
}

void SocketState::enter(Waiter& waiter) {
  if (!free_indices_.empty()) {
    waiter.index = free_indices_.back();
    free_indices_.pop_back();
    waiter.word = &channel_.wake_word(waiter.index - 1);
  }
  waiters_.push_back(&waiter);
}

void SocketState::leave(Waiter& waiter) {
  waiters_.erase(std::find(waiters_.begin(), waiters_.end(), &waiter));
  if (waiter.index != 0) free_indices_.push_back(waiter.index);
}

void SocketState::poll(Lock& lock, Waiter& waiter, Clock::time_point until) {
  waiter.polling = true;
  ++polling_;
  settle();
  const std::uint64_t position = channel_.position();
  lock.unlock();
  for (std::uint32_t looks = 1;; ++looks) {
    if (channel_.anything_beyond(position)) break;
    if (waiter.word->load(std::memory_order_acquire) != 0) break;
    if (looks % kLooksPerClock == 0) {
      if (Clock::now() >= until) break;
      std::this_thread::yield();  // the engine may need this very core to get our message
    }
    base::relax();
  }
  lock.lock();
  --polling_;
  waiter.polling = false;
}

void SocketState::sleep(Lock& lock, Waiter& waiter, Deadline deadline) {
  settle();
  lock.unlock();
  sleep_until_woken(*waiter.word, deadline);
  lock.lock();
}

// True: this thread drives the engine now. False: it slept instead, and was woken.
bool SocketState::begin_driving(Waiter& waiter, Deadline deadline) {
  PolledDriver& driver = *host_->driver();
  if (driver.try_begin()) return true;
  driver.add_sleeper(*waiter.word);
  const bool begun = driver.try_begin();
  if (!begun) sleep_until_woken(*waiter.word, deadline);
  driver.remove_sleeper(*waiter.word);
  return begun;
}

void SocketState::drive(Lock& lock, Waiter& waiter, Time now, Deadline deadline) {
  PolledDriver& driver = *host_->driver();
  // Who drives looks at the ring after every step: no need to be woken by a system call.
  const bool begun = driver.try_begin();
  if (begun) ++polling_;
  waiter.driving = true;
  settle();
  const std::uint64_t position = channel_.position();
  lock.unlock();
  if (begun || begin_driving(waiter, deadline)) {
    const auto ready = [&] {
      return channel_.anything_beyond(position) ||
             waiter.word->load(std::memory_order_seq_cst) != 0;
    };
    const Time until = deadline ? to_time(*deadline) : kNever;
    if (!begun) now = engine::clock_now();  // it slept meanwhile
    Time last_work = now;
    std::uint32_t idle_steps = 0;
    while (!ready()) {
      if (driver.step(now) > 0) {
        last_work = now;
      } else if (now - last_work < host_->config().poll && ++idle_steps % kStepsPerClock != 0) {
        continue;
      }
      if (ready() || now >= until) break;
      if (now - last_work >= host_->config().poll && driver.sleep(now, until, ready) > 0) {
        last_work = engine::clock_now();
      }
      now = engine::clock_now();
    }
    driver.end();
  }
  lock.lock();
  if (begun) --polling_;
  waiter.driving = false;
}

void SocketState::notify(Waiter& waiter) {
  if (waiter.word->load(std::memory_order_relaxed) == kWoken) return;
  channel::wake(*waiter.word);
  if (waiter.driving) host_->driver()->wake();
}

void SocketState::notify_all() {
  for (Waiter* waiter : waiters_) notify(*waiter);
}

void SocketState::tell() {
  for (;;) {
    std::size_t left = inbox_.ready();
    for (auto waiter = waiters_.rbegin(); waiter != waiters_.rend() && left > 0; ++waiter) {
      if (!(*waiter)->any) continue;
      notify(**waiter);
      --left;
    }
    const bool armed = update_descriptor();
    const bool named = say_who_sleeps();
    // What came before the channel said so woke nobody.
    if (!(armed || named) || !channel_.has_completions()) return;
    drain();
  }
}

// True: the channel names another thread now.
bool SocketState::say_who_sleeps() {
  std::uint32_t sleeper = 0;
  if (polling_ == 0) {
    const auto last = std::find_if(waiters_.rbegin(), waiters_.rend(),
                                   [](const Waiter* waiter) { return waiter->index != 0; });
    if (last != waiters_.rend()) sleeper = (*last)->index;
  }
  if (sleeper == said_sleeper_) return false;
  said_sleeper_ = sleeper;
  channel_.set_sleeper(sleeper);
  return sleeper != 0;
}

// Makes the descriptor readable exactly while there is something to receive. True: the engine was
// asked anew to write it when something comes.
bool SocketState::update_descriptor() {
  if (!descriptor_used_) return false;
  if (closed_ || inbox_.ready() > 0) {
    if (!descriptor_readable_ && channel_.disarm_descriptor()) {
      channel::signal_descriptor(channel_.descriptor());
    }
    descriptor_readable_ = true;
    return false;
  }
  if (!descriptor_readable_ && channel_.descriptor_armed()) return false;
  if (!channel::clear_descriptor(channel_.descriptor())) descriptor_owed_ = true;
  descriptor_readable_ = false;
  channel_.arm_descriptor();
  return true;
}

void SocketState::take_completions() {
  channel::Completion completion;
  bool any = false;
  while (channel_.next(&completion)) {
    take_completion(completion);
    any = true;
  }
  if (any) channel_.done_reading();
  if (!to_release_.empty()) flush_releases();
}

void SocketState::take_completion(const channel::Completion& completion) {
  using Kind = channel::CompletionKind;
  switch (completion.kind) {
    case Kind::kRequest:
      if (closed_) return release_buffer(completion.memory);
      return inbox_.add_request(completion);
    case Kind::kResponse:
    case Kind::kFailure: {
      Waiter* waiter = inbox_.knows(completion.handle) ? inbox_.waiter(completion.handle) : nullptr;
      if (inbox_.add_answer(completion)) {
        if (waiter != nullptr) notify(*waiter);
      } else if (completion.kind == Kind::kResponse) {
        release_buffer(completion.memory);
      }
      return;
    }
    case Kind::kServedEnded: return inbox_.served_ended(completion.handle);
    case Kind::kTransmitDone:
      for (Supplying* each : supplying_) {
        if (each->memory != completion.memory) continue;
        each->returned = true;  // who copies into it frees it
        return;
      }
      return channel_.free(completion.memory);
    case Kind::kOpened:
    case Kind::kStatus:
      for (Answered* answered : answered_) {
        if (answered->tag != completion.tag) continue;
        answered->answer = completion;
        notify(*answered->waiter);
      }
      return;
  }
}

}  // namespace homa::client
