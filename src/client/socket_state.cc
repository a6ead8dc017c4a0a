#include "client/socket_state.h"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <utility>

#include "base/types.h"
#include "client/guard.h"
#include "client/words.h"
#include "engine/engine.h"

namespace homa::client {

using channel::Submission;
using channel::SubmissionKind;

namespace {

constexpr std::uint32_t kStatusRecordsMax = 16'384;

RpcStatus status_of(const channel::StatusRecord& record) {
  constexpr const char* kStates[] = {"sending", "waiting", "receiving", "serving", "replying"};
  RpcStatus status;
  status.rpc = record.handle;
  status.wire_id = record.wire_id;
  status.peer = record.peer.address();
  status.state = record.state < std::size(kStates) ? kStates[record.state] : "unknown";
  status.send_length = record.send_length;
  status.sent = record.sent;
  status.send_granted = record.send_granted;
  status.receive_length = record.receive_length;
  status.received = record.received;
  status.receive_granted = record.receive_granted;
  status.gaps = record.gaps;
  status.silent_ticks = record.silent_ticks;
  return status;
}

// What the peer is told.
std::uint8_t abort_code(ErrorCode code) {
  return static_cast<std::uint8_t>(code == ErrorCode::kOk ? ErrorCode::kCancelled : code);
}

}  // namespace

SocketState::SocketState(std::shared_ptr<EngineLink> link, std::shared_ptr<channel::Region> region,
                         channel::Bell bell, std::unique_ptr<OwnMemory> memory)
    : link_(std::move(link)),
      own_memory_(std::move(memory)),
      channel_(std::move(region), std::move(bell), kReserveBytes),
      inbox_(link_->limits().rpcs_max),
      outbox_(channel_),
      waiters_(channel_, *link_),
      descriptor_(channel_),
      look_(link_->limits().look),
      memory_(own_memory_ ? EngineLink::ReceiveMemory{} : link_->receive_memory()) {}

SocketState::~SocketState() {
  if (inherited()) {
    channel_.leave_to_parent();
  } else {
    link_->remove_user(*this);
    shutdown();
    // The engine may hold the region a while longer, and an epoll set its descriptor.
    channel_.region().close_descriptor_reader();
  }
}

Unexpected<Error> SocketState::fail(ErrorCode code, std::string text, Executed executed) {
  last_error_ = Error{code, std::move(text), executed};
  return Unexpected(last_error_);
}

Unexpected<Error> SocketState::closed(Executed executed) {
  if (!broken_.empty()) {
    return fail(ErrorCode::kClosed,
                "the engine behind this socket failed (it " + std::string(broken_) +
                    "); open another socket",
                executed);
  }
  if (!closed_ && away()) {
    return fail(ErrorCode::kEngineLost,
                "homad has ended; this socket is attached again when it is back", executed);
  }
  if (!closed_ && channel_.engine_gone()) {
    return fail(ErrorCode::kClosed, "the engine behind this socket has stopped", executed);
  }
  return fail(ErrorCode::kClosed, "the socket was closed or shut down", executed);
}

void SocketState::make_room() {
  channel_.publish();
  channel_.ring();
  drain();  // or the engine may wait for us while we wait for it
  link_->make_room();
}

// Room in the submission ring, to be filled.
Submission& SocketState::place(SubmissionKind kind, RpcHandle rpc) {
  while (!lost()) {
    if (Submission* place = outbox_.try_place(kind, rpc)) return *place;
    make_room();
    if (channel_.broken() && broken_.empty()) break_off("wrote impossible indices into the rings");
  }
  return outbox_.discarded(kind, rpc);
}

// What was submitted is the engine's from now on. Gives the lock up.
void SocketState::hand_over(Lock& lock) {
  outbox_.handed_over();
  EngineLink::Hold hold = link_->publish(channel_);
  settle();
  lock.unlock();
  link_->run(std::move(hold));
}

// A message to send: it may wait for others while there is more to work on.
void SocketState::hand_over_message(Lock& lock) {
  const bool waits =
      inbox_.ready() > 0 && outbox_.hold_back(engine::clock_now()) && link_->leave(channel_);
  if (!waits) return hand_over(lock);
  settle();
  lock.unlock();
}

void SocketState::discard(std::uint64_t memory) {
  if (inherited()) return;
  const std::lock_guard lock(mutex_);
  outbox_.end_prepared();
  free_block(memory);
}

void SocketState::release(std::uint64_t buffer) {
  if (inherited()) return;
  const std::lock_guard lock(mutex_);
  if (give_back(buffer) && !lost()) {
    outbox_.release_expected(offset_of(buffer));
  } else {
    outbox_.forget_expected();
  }
}

// Submits something that the engine answers, and waits for that.
Result<channel::Completion, Error> SocketState::ask(Lock& lock, const Submission& submission) {
  if (!usable()) return closed();  // a question would keep the next engine from taking the socket
  Waiter waiter;
  Question question;
  question.tag = next_tag_++;
  question.waiter = &waiter;
  questions_.push_back(&question);
  const Rollback forget(
      [&] { questions_.erase(std::find(questions_.begin(), questions_.end(), &question)); });
  Submission& place = this->place(submission.kind);
  place = submission;
  place.tag = question.tag;
  channel_.publish();
  const auto take = [&] { return question.answer.has_value(); };
  const Waited waited = wait(lock, waiter, std::nullopt, Take(take));
  if (waited == Waited::kNoMemory) return out_of_memory();
  if (waited != Waited::kTaken) return closed();
  return *question.answer;
}

Result<void, Error> SocketState::ask_for_port(Lock& lock, std::uint16_t port) {
  Submission submission;
  submission.kind = SubmissionKind::kOpen;
  submission.port = port;
  const auto answer = ask(lock, submission);
  if (!answer) return Unexpected(answer.error());
  if (answer->code != 0) {
    const auto code = static_cast<ErrorCode>(answer->code);
    return fail(code, code == ErrorCode::kInUse
                          ? "port " + std::to_string(port) + " is taken by another socket"
                          : "cannot open port " + std::to_string(port) + ": " +
                                std::string(to_string(code)));
  }
  port_.store(answer->port, std::memory_order_relaxed);
  return {};
}

Result<void, Error> SocketState::open(std::uint16_t port) {
  Lock lock(mutex_);
  auto opened = ask_for_port(lock, port);
  if (!opened) closed_ = true;
  return opened;
}

Result<void, Error> SocketState::bind(std::uint16_t port) {
  Lock lock(mutex_);
  await_successor(lock);
  if (!usable()) return closed();
  if (port == this->port()) return {};
  if (port == 0 || port >= kFirstClientPort) {
    return fail(ErrorCode::kInvalidArgument,
                "servers have ports 1 to 32767, not " + std::to_string(port));
  }
  if (this->port() < kFirstClientPort) {
    return fail(ErrorCode::kInvalidArgument,
                "this socket serves port " + std::to_string(this->port()) + " already");
  }
  if (auto may = link_->permit_port(channel_.region(), port); !may) {
    return fail(may.error().code, may.error().text);
  }
  auto opened = ask_for_port(lock, port);
  if (opened && announced_above_ != kNoHeads) {
    place(SubmissionKind::kAnnounce).length = announced_above_;
    hand_over(lock);
  }
  return opened;
}

Result<void, Error> SocketState::give_memory(std::span<std::byte> memory) {
  Lock lock(mutex_);
  if (ended()) return closed();
  if (!own_memory_) {
    return fail(ErrorCode::kInvalidArgument,
                "this socket's messages lie in its host's receive memory");
  }
  if (!memory_.bytes.empty()) {
    return fail(ErrorCode::kInvalidArgument, "the socket has receive memory already");
  }
  const std::uint32_t longest = link_->limits().message_bytes_max;
  if (memory.size() < longest) {
    return fail(ErrorCode::kInvalidArgument,
                "receive memory holds a message of " + std::to_string(longest) +
                    " bytes (message_bytes_max), but is of " + std::to_string(memory.size()));
  }
  memory_.bytes = memory;  // before the engine says that a message lies there
  if (auto given = own_memory_->give(memory); !given) {
    memory_.bytes = {};
    return fail(given.error().code, given.error().text);
  }
  return {};
}

// Its words may be missing, the message may not: it has been taken from the inbox.
void SocketState::remember_failure(ErrorCode code, Executed executed, const SocketAddress& peer) {
  try {
    last_error_ = failure_in_words(code, executed, peer);
  } catch (const std::bad_alloc&) {
    last_error_ = Error{code, {}, executed};
  }
}

Message SocketState::make_message(const Incoming& incoming) {
  const channel::Completion& completion = incoming.completion;
  Message message;
  message.rpc_ = completion.handle;
  message.peer_ = completion.peer.address();
  message.cookie_ = incoming.cookie;
  if (completion.kind == channel::CompletionKind::kFailure) {
    message.kind_ = Message::Kind::kFailure;
    message.error_ = static_cast<ErrorCode>(completion.code);
    message.executed_ = std::min(static_cast<Executed>(completion.executed), Executed::kYes);
    remember_failure(message.error_, message.executed_, message.peer_);
    return message;
  }
  std::uint32_t here = completion.length;
  switch (completion.kind) {
    case channel::CompletionKind::kRequest: message.kind_ = Message::Kind::kRequest; break;
    case channel::CompletionKind::kHead:
      message.kind_ = Message::Kind::kHead;
      here = static_cast<std::uint32_t>(completion.tag);
      break;
    default: message.kind_ = Message::Kind::kResponse; break;
  }
  // take_completion() made sure that it lies there.
  message.bytes_ = bytes_of(completion.memory, here);
  message.total_ = completion.length;
  message.buffer_ = completion.memory;
  message.owner_ = shared_from_this();
  return message;
}

Result<Message, Error> SocketState::finish(Waited waited, const Incoming* incoming) {
  if (incoming != nullptr) return make_message(*incoming);
  if (waited == Waited::kClosed) return closed();
  if (waited == Waited::kNoMemory) return out_of_memory();
  // Not an error worth remembering: that nothing came is an answer.
  return Unexpected(Error{ErrorCode::kWouldBlock, "nothing arrived in time"});
}

Result<Message, Error> SocketState::receive(Timeout timeout) {
  Lock lock(mutex_);
  auto message = receive_next(lock, timeout);
  if (message) put_in_place(lock, *message);
  return message;
}

Result<std::size_t, Error> SocketState::receive_many(std::span<Message> into, Timeout timeout) {
  for (Message& message : into) message.release();  // while the lock is not held
  if (into.empty()) return std::size_t{0};
  Lock lock(mutex_);
  std::size_t count = 0;
  for (; count < into.size() && (count == 0 || inbox_.ready() > 0); ++count) {
    auto message = receive_next(lock, timeout);
    if (!message && count == 0) return Unexpected(message.error());
    if (!message) break;
    into[count] = std::move(message).value();
    put_in_place(lock, into[count]);
    if (!lock.owns_lock()) lock.lock();
  }
  return count;
}

// The next message, with the lock.
Result<Message, Error> SocketState::receive_next(Lock& lock, Timeout timeout) {
  outbox_.expect_release();
  Rollback nothing([&] { outbox_.forget_expected(); });
  const Incoming* incoming = nullptr;
  Waiter waiter;
  waiter.any = true;
  const auto take = [&] {
    if (!closed_) incoming = inbox_.take_any();
    return incoming != nullptr;
  };
  const Waited waited = wait(lock, waiter, timeout, Take(take));
  auto message = finish(waited, incoming);
  if (message && message->size() > 0 && message->kind() != Message::Kind::kHead) nothing.dismiss();
  return message;
}

Result<Message, Error> SocketState::receive_response(RpcHandle rpc, Timeout timeout) {
  Lock lock(mutex_);
  if (closed_) return closed();
  if (!inbox_.knows(rpc)) {
    return fail(ErrorCode::kNoSuchRpc, "no such RPC was sent here, or its response was received");
  }
  if (inbox_.waiter(rpc) != nullptr) {
    return fail(ErrorCode::kInvalidArgument, "another thread waits for this RPC's response");
  }
  outbox_.expect_release();
  Rollback nothing([&] { outbox_.forget_expected(); });
  const Incoming* incoming = nullptr;
  Waiter waiter;
  inbox_.set_waiter(rpc, &waiter);
  Rollback forget([&] { inbox_.set_waiter(rpc, nullptr); });
  const auto take = [&] {
    incoming = inbox_.take_answer(rpc);
    return incoming != nullptr || !inbox_.knows(rpc);
  };
  const Waited waited = wait(lock, waiter, timeout, Take(take));
  forget.run();
  if (waited == Waited::kClosed) return closed(Executed::kPerhaps);
  if (waited == Waited::kTaken && incoming == nullptr) {
    return fail(closed_ ? ErrorCode::kClosed : ErrorCode::kCancelled,
                "the RPC was ended by another thread", Executed::kPerhaps);
  }
  auto message = finish(waited, incoming);
  if (message && message->size() > 0) nothing.dismiss();
  return message;
}

void SocketState::abort_locked(RpcHandle rpc, ErrorCode code) {
  const bool was_waiting = inbox_.is_waiting(rpc);
  if (code == ErrorCode::kOk) {
    // A response that was not received yet goes with its RPC.
    Waiter* waiter = inbox_.waiter(rpc);
    const auto unread = inbox_.forget(rpc);
    if (unread && unread->kind == channel::CompletionKind::kResponse) {
      release_buffer(unread->memory);
    }
    if (waiter != nullptr) waiters_.notify(*waiter);
  }
  if (!was_waiting) return;
  Submission& submission = place(SubmissionKind::kAbort, rpc);
  submission.code = abort_code(code);
  submission.report = code == ErrorCode::kOk ? 0 : 1;
}

Result<void, Error> SocketState::abort(RpcHandle rpc, ErrorCode code) {
  Lock lock(mutex_);
  if (!usable()) return closed();
  drain();
  if (inbox_.is_head(rpc)) {
    settle();
    return fail(ErrorCode::kInvalidArgument, "only the request's head has come: refuse() it");
  }
  if (inbox_.finish_served(rpc)) {
    place(SubmissionKind::kAbort, rpc).code = abort_code(code);
  } else if (inbox_.knows(rpc)) {
    abort_locked(rpc, code);
  } else {
    settle();
    return fail(ErrorCode::kNoSuchRpc, "no such RPC is in progress");
  }
  hand_over(lock);
  return {};
}

Result<void, Error> SocketState::abort_all(ErrorCode code) {
  Lock lock(mutex_);
  if (closed_) return closed();
  drain();
  for (const RpcHandle rpc : inbox_.in_progress()) abort_locked(rpc, code);
  hand_over(lock);
  return {};
}

int SocketState::quiet_descriptor() {
  const std::lock_guard lock(mutex_);
  const auto descriptor = channel_.open_descriptor();
  if (descriptor) return *descriptor;
  last_error_ = descriptor.error();
  return -1;
}

int SocketState::descriptor() {
  const std::lock_guard lock(mutex_);
  if (!descriptor_.used()) {
    if (auto shared = link_->share_signal(channel_.region()); !shared) {
      last_error_ = shared.error();
      return -1;
    }
  }
  const auto descriptor = descriptor_.use();
  if (!descriptor) {
    last_error_ = descriptor.error();
    return -1;
  }
  link_->expect_descriptors();
  drain();
  settle();
  return *descriptor;
}

bool SocketState::is_open() {
  const std::lock_guard lock(mutex_);
  return !ended();
}

// Destructors call it, so it needs no memory: buffers go back through the ring alone.
void SocketState::shutdown() {
  close_channel();
  if (own_memory_) own_memory_->take_back();
}

void SocketState::close_channel() {
  Lock lock(mutex_);
  if (std::exchange(closed_, true)) return;
  drain();
  inbox_.clear([&](const channel::Completion& completion) {
    if (completion.kind == channel::CompletionKind::kFailure) return;
    if (!give_back(completion.memory)) return;
    if (completion.kind == channel::CompletionKind::kHead) {
      return decide(completion.handle, ErrorCode::kCancelled);
    }
    place(SubmissionKind::kRelease).memory = offset_of(completion.memory);
  });
  place(SubmissionKind::kClose);
  waiters_.notify_all();
  hand_over(lock);
}

Result<SocketStatus, Error> SocketState::status() {
  const std::lock_guard one_at_a_time(status_mutex_);  // they share the reserve
  Lock lock(mutex_);
  if (!usable()) return closed();
  SocketStatus status;
  status.port = port();
  status.last_error = last_error_;
  constexpr auto kRecordBytes = static_cast<std::uint32_t>(sizeof(channel::StatusRecord));
  Submission submission;
  submission.kind = SubmissionKind::kStatus;
  submission.length = kStatusRecordsMax * kRecordBytes;
  const auto block = channel_.allocate(submission.length);
  // No room beside the messages: as many RPCs as the reserve holds.
  submission.memory = block.value_or(channel_.reserved_begin());
  if (!block) submission.length = static_cast<std::uint32_t>(kReserveBytes);
  Rollback free([&] {
    if (block) free_block(*block);
  });
  const auto answer = ask(lock, submission);
  if (answer && answer->length > submission.length) {
    break_off("wrote a status beyond its room");
  } else if (answer) {
    const std::span<const std::byte> bytes = channel_.memory(submission.memory, answer->length);
    for (std::size_t at = 0; at + kRecordBytes <= bytes.size(); at += kRecordBytes) {
      channel::StatusRecord record;
      std::memcpy(&record, bytes.data() + at, sizeof(record));
      RpcStatus& rpc = status.rpcs.emplace_back(status_of(record));
      rpc.cookie = inbox_.cookie(rpc.rpc);
      rpc.is_private = inbox_.is_private(rpc.rpc);
    }
  }
  free.run();
  if (!answer) return Unexpected(answer.error());
  if (!usable()) return closed();
  if (answer->code != 0) return out_of_memory();
  return status;
}

}  // namespace homa::client
