// Long requests in two steps: their heads first, the rest when the application has decided.
#include <cstring>
#include <string>
#include <utility>

#include "client/socket_state.h"

namespace homa::client {

using channel::SubmissionKind;

Result<void, Error> SocketState::announce_longer_than(std::uint32_t bytes) {
  Lock lock(mutex_);
  if (!usable()) return closed();
  announced_above_ = bytes;
  channel::Submission submission;
  submission.kind = SubmissionKind::kAnnounce;
  submission.length = bytes;
  // What comes after this call has a head, so the engine has to have seen it.
  const auto answer = ask(lock, submission);
  if (!answer) return Unexpected(answer.error());
  return {};
}

void SocketState::decide(RpcHandle rpc, ErrorCode refusal) {
  place(SubmissionKind::kDecide, rpc).code = static_cast<std::uint8_t>(refusal);
}

Result<void, Error> SocketState::check_head(const Message& head) {
  if (!usable()) return closed();
  if (head.kind_ == Message::Kind::kHead && head.owner_.get() == this) return {};
  return fail(ErrorCode::kInvalidArgument, "this is no head that was received by this socket");
}

// The engine has its memory again, if it is the one that gave it.
void SocketState::end_head(Message& head, ErrorCode refusal) {
  if (give_back(head.buffer_)) decide(head.rpc_, refusal);
  head.bytes_ = {};
  head.owner_.reset();  // the caller holds on to this socket, so this is not the last reference
}

Result<void, Error> SocketState::accept(Message& head, std::span<std::byte> place) {
  Lock lock(mutex_);
  if (auto good = check_head(head); !good) return good;
  if (!place.empty() && place.size() < head.total_) {
    return fail(ErrorCode::kInvalidArgument, "the request has " + std::to_string(head.total_) +
                                                 " bytes, and its place only " +
                                                 std::to_string(place.size()));
  }
  drain();
  const RpcHandle rpc = head.rpc_;
  end_head(head, ErrorCode::kOk);
  const bool waits = inbox_.serves(rpc);
  if (waits) inbox_.accept(rpc, place);
  const auto gone = waits ? Result<void, Error>() : Result<void, Error>(nobody_waits());
  hand_over(lock);
  return gone;
}

Result<void, Error> SocketState::refuse(Message& head, ErrorCode code) {
  Lock lock(mutex_);
  if (auto good = check_head(head); !good) return good;
  drain();
  static_cast<void>(inbox_.finish_served(head.rpc_));
  end_head(head, code == ErrorCode::kOk ? ErrorCode::kOverloaded : code);
  hand_over(lock);
  return {};
}

void SocketState::refuse_unseen(RpcHandle rpc, std::uint64_t buffer) {
  if (inherited()) return;
  Lock lock(mutex_);
  if (!give_back(buffer) || lost()) return;
  static_cast<void>(inbox_.finish_served(rpc));
  decide(rpc, ErrorCode::kOverloaded);
  hand_over(lock);
}

// Without the lock, if there is something to copy.
void SocketState::put_in_place(Lock& lock, Message& message) {
  if (!message.is_request()) return;
  const std::span<std::byte> place = inbox_.take_place(message.rpc_);
  if (place.empty()) return;
  lock.unlock();
  const std::size_t size = message.bytes_.size();
  std::memcpy(place.data(), message.bytes_.data(), size);
  message.release();
  message.bytes_ = place.first(size);
}

}  // namespace homa::client
