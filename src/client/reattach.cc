// A socket whose engine ended and that gets another one: what was in progress ends with an error,
// the port is opened again, and messages of the former engine stay where they are until the
// application gives them back.
#include <algorithm>
#include <new>
#include <utility>

#include "base/types.h"
#include "client/socket_state.h"

namespace homa::client {

bool SocketState::give_back(std::uint64_t buffer) {
  const std::uint64_t engine = buffer >> kOffsetBits;
  if (engine == engines_) {
    --buffers_;
    return true;
  }
  const auto found = std::find_if(retired_.begin(), retired_.end(),
                                  [&](const Retired& one) { return one.engine == engine; });
  if (found != retired_.end() && --found->buffers == 0) retired_.erase(found);
  return false;
}

std::span<const std::byte> SocketState::bytes_of(std::uint64_t buffer, std::uint32_t length) const {
  const std::uint64_t engine = buffer >> kOffsetBits;
  std::span<const std::byte> memory = memory_.bytes;
  for (const Retired& one : retired_) {
    if (one.engine == engine) memory = one.memory.bytes;
  }
  return memory.subspan(offset_of(buffer), length);
}

void SocketState::engine_lost() {
  const std::lock_guard lock(mutex_);
  leave_engine();
  waiters_.notify_all();
  settle();
}

void SocketState::leave_engine() {
  drain();  // what it completed before
  if (!away() || std::exchange(left_engine_, true)) return;
  kept_.reset();
  inbox_.drop_requests([this] { --buffers_; });  // nobody has begun to work on them
  outbox_.engine_lost();
  channel::Completion lost;
  lost.kind = channel::CompletionKind::kFailure;
  lost.code = static_cast<std::uint8_t>(ErrorCode::kEngineLost);
  lost.executed = static_cast<std::uint8_t>(Executed::kPerhaps);
  for (Question* const question : questions_) {
    if (!question->answer) question->answer = lost;
    waiters_.notify(*question->waiter);
  }
  try {
    for (const RpcHandle rpc : inbox_.in_progress()) {
      if (!inbox_.is_waiting(rpc)) continue;
      lost.handle = rpc;
      take_answer(lost);
    }
  } catch (const std::bad_alloc&) {
    break_off("ended, and there was no memory to say so");
  }
}

bool SocketState::engine_back() {
  const std::lock_guard lock(mutex_);
  if (closed_ || !away()) return true;
  leave_engine();
  // Until then a thread writes to transmit memory, or waits for the former engine's answer.
  if (outbox_.copying() || !questions_.empty()) return false;
  try {
    retire_memory();
    channel_.restart();
  } catch (const std::bad_alloc&) {
    return false;
  }
  const auto again = link_->reattach(channel_.region(), is_client_port(Port{port()}) ? 0 : port());
  if (!again) {
    channel_.lose_engine();
    if (again.error().code == ErrorCode::kClosed) return false;
    break_off("ended, and the next one refused the socket: its port is taken, or a limit reached");
    settle();
    return true;
  }
  channel_.set_bell(again->bell);
  port_.store(again->port, std::memory_order_relaxed);
  memory_ = link_->receive_memory();
  left_engine_ = false;
  if (announced_above_ != kNoHeads) {
    place(channel::SubmissionKind::kAnnounce).length = announced_above_;
    channel_.publish();
    channel_.ring();
  }
  if (draining_) {
    place(channel::SubmissionKind::kDrain);
    channel_.publish();
    channel_.ring();
  }
  waiters_.notify_all();
  settle();
  return true;
}

void SocketState::wait_for_successor(Lock& lock) {
  Waiter waiter;
  const auto take = [this] { return !channel_.engine_leaves() && !channel_.engine_gone(); };
  wait(lock, waiter, EngineLink::kSuccessorAtMost, Take(take));
}

// Messages that the application has, or that wait for it, keep their memory.
void SocketState::retire_memory() {
  if (buffers_ > 0) retired_.push_back({engines_, buffers_, memory_});
  ++engines_;
  buffers_ = 0;
}

}  // namespace homa::client
