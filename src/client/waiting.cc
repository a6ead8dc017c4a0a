// How threads wait for messages of a socket, and what is done with completions.
//
// Whoever takes completions out of the ring, for whatever reason, tells the threads that they are
// for. So a message is never left with a thread that does not want it, and a thread that gives up
// waiting leaves none behind.
#include <algorithm>
#include <chrono>
#include <new>

#include "client/deadline.h"
#include "client/guard.h"
#include "client/socket_state.h"
#include "engine/engine.h"

namespace homa::client {

SocketState::Waited SocketState::wait(Lock& lock, Waiter& waiter, Timeout timeout, Take take) {
  drain();
  if (take()) {
    settle();
    return Waited::kTaken;
  }
  if (ended()) return Waited::kClosed;
  if (starved()) return Waited::kNoMemory;
  if (timeout && *timeout <= Timeout::value_type::zero()) return look_once(lock, take);
  const Time start = engine::clock_now();
  const Time until = deadline_after(start, timeout);
  look_.begin(start);
  waiters_.enter(waiter);
  Rollback leave([&] { waiters_.leave(waiter); });
  Waited result = Waited::kTimedOut;
  for (Time now = start;; now = engine::clock_now()) {
    if (away() && !left_engine_) link_->look_after();
    watch_or_sleep(lock, waiter, now, now - start, until);
    drain();
    if (take()) {
      result = Waited::kTaken;
      if (looks()) look_.worked(engine::clock_now());
    } else if (ended()) {
      result = Waited::kClosed;
    } else if (starved()) {
      result = Waited::kNoMemory;
    } else if (until == kNever || engine::clock_now() < until) {
      continue;
    }
    break;
  }
  leave.run();
  if (result == Waited::kClosed) waiters_.notify_all();  // nobody else may tell them
  if (inbox_.ready() > 0) outbox_.waited(engine::clock_now());
  settle();
  link_->end_wait();
  return result;
}

void SocketState::watch_or_sleep(Lock& lock, Waiter& waiter, Time now, Duration waited,
                                 Time until) {
  WaitQueue::rearm(waiter);
  if (channel_.has_completions()) return;
  const bool pays = !looks() || look_.pays(now);
  const bool watches = pays && link_->begin_watch(waiters_.watching(), waited);
  if (watches) {
    waiters_.begin_watch(waiter);
    outbox_.handed_over();  // this thread runs the engine now
  } else if (outbox_.holds_back()) {
    let_held_back_go();
  }
  if (!watches) look_.goes_to_sleep(now);
  settle();
  const Watch watch(channel_, *waiter.word);
  Duration lost{0};
  lock.unlock();
  if (watches) {
    lost = link_->watch(watch, now, until);
  } else {
    link_->sleep(watch, until);
  }
  lock.lock();
  look_.lost(lost);
  if (watches) waiters_.end_watch(waiter);
}

void SocketState::let_held_back_go() {
  outbox_.handed_over();
  link_->run({});
}

// Timeout 0: what is there now, no more.
SocketState::Waited SocketState::look_once(Lock& lock, Take take) {
  Waited result = Waited::kTimedOut;
  if (outbox_.holds_back()) let_held_back_go();
  lock.unlock();
  link_->look();
  lock.lock();
  drain();
  if (take()) {
    result = Waited::kTaken;
  } else if (closed_) {
    result = Waited::kClosed;
  } else if (starved()) {
    result = Waited::kNoMemory;
  }
  settle();
  if (result == Waited::kTimedOut) descriptor_.nothing_was_there();
  return result;
}

void SocketState::tell() {
  for (;;) {
    waiters_.notify_any(inbox_.ready());
    const bool armed = descriptor_.update(ended() || inbox_.ready() > 0);
    const bool asked = descriptor_.used() && descriptor_.update_room(ended() || has_room());
    const bool named = waiters_.name_sleeper();
    // Completions that came before the engine was told of the sleeper did not wake it.
    if (!(armed || asked || named) || !channel_.has_completions()) return;
    drain();
  }
}

void SocketState::take_completions() {
  channel::Completion completion;
  bool any = false;
  try {
    if (kept_) {
      take_completion(*kept_);
      kept_.reset();
    }
    while (broken_.empty() && channel_.next(&completion)) {
      any = true;
      take_completion(completion);
    }
  } catch (const std::bad_alloc&) {
    if (!kept_) kept_ = completion;
  }
  if (channel_.broken() && broken_.empty()) break_off("wrote impossible indices into the rings");
  if (any) channel_.done_reading();
  if (!outbox_.owes_releases()) return;
  if (lost()) {
    outbox_.forget_releases();
  } else {
    outbox_.retry_releases();
  }
}

// Nobody may have used the socket for long, and what came for it may be over: a request whose
// client gave up keeps no memory, and what was sent gives its own back.
Untidy::Left SocketState::tidy() {
  constexpr std::uint64_t kBytesAtOnce = 1 << 20;  // the system takes about 0.1 ms for it
  const Lock lock(mutex_, std::try_to_lock);
  if (!lock.owns_lock()) return Left::kLater;  // somebody uses it
  if (ended() || away()) return Left::kNothing;
  drain();
  settle();
  if (!channel_.transmit_settled() && !channel_.discard_unused(kBytesAtOnce)) return Left::kMore;
  const bool later = starved() || outbox_.owes_releases() || !channel_.transmit_settled();
  return later ? Left::kLater : Left::kNothing;
}

bool SocketState::holds_message(const channel::Completion& completion) const {
  const std::size_t size = memory_.bytes.size();
  return completion.memory <= size && completion.length <= size - completion.memory;
}

void SocketState::take_completion(const channel::Completion& completion) {
  using Kind = channel::CompletionKind;
  switch (completion.kind) {
    case Kind::kRequest:
      if (!holds_message(completion) || !channel::is_request_handle(completion.handle)) {
        return break_off("announced a request where none can be");
      }
      return take_request(completion);
    case Kind::kResponse:
      if (!holds_message(completion)) return break_off("announced a response where none can be");
      return take_answer(completion);
    case Kind::kFailure: return take_answer(completion);
    case Kind::kHead:
      if (!holds_message(completion) || !channel::is_request_handle(completion.handle) ||
          completion.tag == 0 || completion.tag > completion.length) {
        return break_off("announced a head where none can be");
      }
      return take_request(completion);
    case Kind::kServedEnded: return end_served(completion);
    case Kind::kTransmitDone:
      if (!outbox_.transmit_done(completion.memory)) {
        break_off("gave transmit memory back that it did not have");
      }
      return;
    case Kind::kOpened:
    case Kind::kStatus:
      for (Question* question : questions_) {
        if (question->tag != completion.tag) continue;
        question->answer = completion;
        waiters_.notify(*question->waiter);
      }
      return;
  }
  break_off("wrote a completion of unknown kind");
}

void SocketState::take_request(channel::Completion request) {
  request.memory = buffer_at(request.memory);
  if (!closed_) inbox_.add_request(request);
  ++buffers_;
  if (closed_) give_up(request);
}

// Whoever accepted it learns that it will not come.
void SocketState::end_served(const channel::Completion& completion) {
  const bool accepted = inbox_.is_accepted(completion.handle);
  if (accepted && !closed_) inbox_.add_failed_request(completion);
  if (const auto unread = inbox_.served_ended(completion.handle)) give_up(*unread);
}

void SocketState::give_up(const channel::Completion& unread) {
  if (unread.kind != channel::CompletionKind::kHead) return release_buffer(unread.memory);
  if (give_back(unread.memory) && !lost()) decide(unread.handle, ErrorCode::kCancelled);
}

void SocketState::take_answer(channel::Completion answer) {
  Waiter* const waiter = inbox_.waiter(answer.handle);
  const bool has_buffer = answer.kind == channel::CompletionKind::kResponse;
  if (has_buffer) answer.memory = buffer_at(answer.memory);
  const bool known = inbox_.add_answer(answer);
  if (has_buffer) ++buffers_;
  if (known) {
    if (waiter != nullptr) waiters_.notify(*waiter);
  } else if (has_buffer) {
    release_buffer(answer.memory);
  }
}

void SocketState::break_off(std::string_view literal) {
  if (!broken_.empty()) return;
  broken_ = literal;
  waiters_.notify_all();
}

}  // namespace homa::client
