// How a socket sends requests and responses, and how a service comes to its end.
#include <algorithm>
#include <chrono>
#include <utility>

#include "client/deadline.h"
#include "client/guard.h"
#include "client/socket_state.h"
#include "client/words.h"
#include "engine/engine.h"

namespace homa::client {

using channel::Submission;
using channel::SubmissionKind;

namespace {

// A client acknowledges a response within milliseconds. One that does not in this time has ended.
constexpr Duration kAckPatience = std::chrono::seconds(1);

bool wholly_answered(const RpcStatus& rpc) {
  return rpc.state == "replying" && rpc.sent >= rpc.send_length;
}

}  // namespace

Result<void, Error> SocketState::check_message(std::size_t bytes, const char* what) {
  if (!usable()) return closed();
  if (bytes == 0) {
    return fail(ErrorCode::kInvalidArgument, std::string("a ") + what + " has at least one byte");
  }
  const std::uint32_t longest = link_->limits().message_bytes_max;
  if (bytes > longest) {
    return fail(ErrorCode::kTooLong, std::string("a ") + what + " has at most " +
                                         std::to_string(longest) + " bytes (message_bytes_max), " +
                                         "not " + std::to_string(bytes));
  }
  if (const std::uint64_t room = outbox_.longest(); bytes > room) {
    return fail(ErrorCode::kTooLong, std::string("this socket's transmit memory takes a ") + what +
                                         " of at most " + std::to_string(room) + " bytes, not " +
                                         std::to_string(bytes) +
                                         "; open the host with more transmit memory");
  }
  return {};
}

Result<void, Error> SocketState::check_prepared(const PreparedMessage& message, const char* what) {
  if (message.size() > 0 && message.owner_.get() != this) {
    return fail(ErrorCode::kInvalidArgument, "the message was prepared by another socket");
  }
  return check_message(message.size(), what);
}

Result<void, Error> SocketState::check_server(const SocketAddress& server) {
  if (server.port > 0 && server.port < kFirstClientPort) return {};
  return fail(ErrorCode::kInvalidArgument,
              "servers have ports 1 to 32767, not " + std::to_string(server.port));
}

Result<PreparedMessage, Error> SocketState::prepare(std::size_t bytes) {
  Lock lock(mutex_);
  await_successor(lock);
  if (auto good = check_message(bytes, "message"); !good) return Unexpected(good.error());
  drain();
  const auto memory = outbox_.prepare(static_cast<std::uint32_t>(bytes));
  if (!memory) {
    settle();
    return no_room();
  }
  PreparedMessage message;
  message.bytes_ = channel_.memory(*memory, static_cast<std::uint32_t>(bytes));
  message.memory_ = *memory;
  message.owner_ = shared_from_this();
  return message;
}

Unexpected<Error> SocketState::no_room() {
  descriptor_.no_room_was_there();
  return fail(ErrorCode::kNoMemory,
              "the socket's transmit memory (" + std::to_string(link_->limits().transmit_bytes) +
                  " bytes) is full of messages on their way; receive, then try again");
}

// Hands a message over, of which copy_in() has filled the beginning of `memory`, and copies the
// rest. Gives the lock up.
void SocketState::transmit(Lock& lock, Submission& message, std::uint64_t memory, Gather& bytes) {
  message.memory = memory;
  message.length = static_cast<std::uint32_t>(bytes.size());
  if (bytes.size() <= Outbox::kCopyAtOnce) return hand_over_message(lock);
  message.pending = static_cast<std::uint32_t>(bytes.size() - bytes.copied());
  const RpcHandle rpc = message.handle;
  Outbox::Supply rest{memory};
  outbox_.begin_supply(rest);
  while (bytes.copied() < bytes.size() && !rest.returned) {
    hand_over(lock);
    outbox_.copy_next(rest, bytes);
    lock.lock();
    place(SubmissionKind::kSupply, rpc).length = static_cast<std::uint32_t>(bytes.copied());
  }
  outbox_.end_supply(rest);
  if (rest.returned) free_block(memory);
  hand_over(lock);
}

// The same of one that is whole already. It is the engine's from now on.
void SocketState::transmit(Lock& lock, Submission& message, PreparedMessage& prepared) {
  message.memory = prepared.memory_;
  message.length = static_cast<std::uint32_t>(prepared.size());
  prepared.bytes_ = {};
  outbox_.end_prepared();
  // The caller holds on to this socket, so this is not the last reference.
  prepared.owner_.reset();
  hand_over_message(lock);
}

// A new RPC of ours.
Result<RpcHandle, Error> SocketState::start(const SendOptions& options) {
  if (!usable()) return closed();
  if (const auto rpc = inbox_.start(options.cookie, options.is_private)) return *rpc;
  descriptor_.no_room_was_there();
  return fail(ErrorCode::kNoMemory,
              "there are as many RPCs in progress as may be (rpcs_max); receive, then try again");
}

Submission& SocketState::place_send(RpcHandle rpc, const SocketAddress& server) {
  Submission& submission = place(SubmissionKind::kSend, rpc);
  submission.peer = channel::PeerRecord::of(server);
  return submission;
}

Result<RpcHandle, Error> SocketState::send(const SocketAddress& server, Gather request,
                                           const SendOptions& options) {
  Lock lock(mutex_);
  await_successor(lock);
  const auto begun = begin_send(lock, server, request, options);
  if (!begun) {
    settle();
    return Unexpected(begun.error());
  }
  const RpcHandle rpc = begun->submission->handle;
  transmit(lock, *begun->submission, begun->memory, request);
  return rpc;
}

Result<SocketState::Begun, Error> SocketState::begin_send(Lock& lock, const SocketAddress& server,
                                                          Gather& request,
                                                          const SendOptions& options) {
  if (auto good = check_message(request.size(), "request"); !good) return Unexpected(good.error());
  if (auto good = check_server(server); !good) return Unexpected(good.error());
  drain();
  const auto memory = outbox_.copy_in(lock, request);
  if (!memory) return no_room();
  Rollback free([&] { free_block(*memory); });
  outbox_.reserve_supply();
  const auto rpc = start(options);
  if (!rpc) return Unexpected(rpc.error());
  free.dismiss();
  return Begun{&place_send(*rpc, server), *memory};
}

// It leaves with what follows; a long one leaves now.
void SocketState::transmit_with_others(Lock& lock, const Begun& begun, Gather& bytes) {
  if (bytes.size() > Outbox::kCopyAtOnce) {
    transmit(lock, *begun.submission, begun.memory, bytes);
    return lock.lock();
  }
  begun.submission->memory = begun.memory;
  begun.submission->length = static_cast<std::uint32_t>(bytes.size());
}

std::size_t SocketState::send_many(std::span<OutgoingRequest> requests) {
  Lock lock(mutex_);
  await_successor(lock);
  std::size_t count = 0;
  for (OutgoingRequest& one : requests) {
    Gather bytes(one.request);
    const auto begun =
        without_throwing([&] { return begin_send(lock, one.server, bytes, one.options); });
    one.rpc = begun ? begun->submission->handle : 0;
    one.error = begun ? ErrorCode::kOk : begun.error().code;
    if (!begun) continue;
    transmit_with_others(lock, *begun, bytes);
    ++count;
  }
  hand_over(lock);
  return count;
}

Result<RpcHandle, Error> SocketState::send(const SocketAddress& server, PreparedMessage& request,
                                           const SendOptions& options) {
  Lock lock(mutex_);
  if (auto good = check_prepared(request, "request"); !good) return Unexpected(good.error());
  if (auto good = check_server(server); !good) return Unexpected(good.error());
  drain();
  auto rpc = start(options);
  if (!rpc) {
    settle();
    return rpc;
  }
  transmit(lock, place_send(*rpc, server), request);
  return rpc;
}

Result<Message, Error> SocketState::finish_call(const SocketAddress& server, RpcHandle rpc,
                                                Timeout timeout) {
  // Nobody else knows this RPC: it ends with the call.
  Rollback give_up([&] { static_cast<void>(abort(rpc, ErrorCode::kOk).has_value()); });
  auto response = receive_response(rpc, timeout);
  if (response || response.error().code == ErrorCode::kNoSuchRpc) give_up.dismiss();
  if (!response && response.error().code == ErrorCode::kWouldBlock) {
    give_up.run();
    const std::lock_guard lock(mutex_);
    last_error_ = failure_in_words(ErrorCode::kTimeout, Executed::kPerhaps, server);
    return Unexpected(last_error_);
  }
  if (response && response->kind() == Message::Kind::kFailure) {
    return Unexpected(failure_in_words(response->error(), response->executed(), server));
  }
  return response;
}

Unexpected<Error> SocketState::nobody_waits() {
  return fail(ErrorCode::kNoSuchRpc, "the request was answered already, or its client gave up");
}

Result<void, Error> SocketState::reply(RpcHandle rpc, Gather response) {
  Lock lock(mutex_);
  const auto begun = begin_reply(lock, rpc, response);
  if (!begun) {
    settle();
    return Unexpected(begun.error());
  }
  transmit(lock, *begun->submission, begun->memory, response);
  return {};
}

Result<SocketState::Begun, Error> SocketState::begin_reply(Lock& lock, RpcHandle rpc,
                                                           Gather& response) {
  if (auto good = check_message(response.size(), "response"); !good) {
    return Unexpected(good.error());
  }
  drain();
  if (!inbox_.may_answer(rpc)) return nobody_waits();
  const auto memory = outbox_.copy_in(lock, response);
  if (!memory) return no_room();
  Rollback free([&] { free_block(*memory); });
  outbox_.reserve_supply();
  if (!usable()) return closed();
  if (!inbox_.finish_served(rpc)) return nobody_waits();
  free.dismiss();
  return Begun{&place(SubmissionKind::kReply, rpc), *memory};
}

std::size_t SocketState::reply_many(std::span<OutgoingResponse> answers) {
  Lock lock(mutex_);
  std::size_t count = 0;
  for (OutgoingResponse& one : answers) {
    Gather bytes(one.response);
    const auto begun = without_throwing([&] { return begin_reply(lock, one.rpc, bytes); });
    one.error = begun ? ErrorCode::kOk : begun.error().code;
    if (!begun) continue;
    transmit_with_others(lock, *begun, bytes);
    ++count;
  }
  hand_over(lock);
  return count;
}

Result<void, Error> SocketState::reply(RpcHandle rpc, PreparedMessage& response) {
  Lock lock(mutex_);
  if (auto good = check_prepared(response, "response"); !good) return good;
  drain();
  if (!inbox_.may_answer(rpc) || !inbox_.finish_served(rpc)) {
    settle();
    return nobody_waits();
  }
  transmit(lock, place(SubmissionKind::kReply, rpc), response);
  return {};
}

bool SocketState::client_waits(RpcHandle request) {
  const std::lock_guard lock(mutex_);
  if (!usable()) return false;
  drain();
  settle();
  return inbox_.serves(request);
}

Result<void, Error> SocketState::stop_accepting() {
  Lock lock(mutex_);
  if (!usable()) return closed();
  draining_ = true;
  Submission submission;
  submission.kind = SubmissionKind::kDrain;
  // What comes after this call is refused, so the engine has to have seen it.
  const auto answer = ask(lock, submission);
  if (!answer) return Unexpected(answer.error());
  return {};
}

// For `time`, in which this thread runs the engine if nobody else does.
void SocketState::pause(Duration time) {
  Lock lock(mutex_);
  Waiter waiter;
  const auto never = [] { return false; };
  static_cast<void>(wait(lock, waiter, time, Take(never)));
}

// Only the engine knows all: requests that are arriving, responses on their way. It is asked again
// and again, because this happens once in a socket's life.
Result<void, Error> SocketState::await_idle(Timeout timeout) {
  using std::chrono_literals::operator""ms;
  const Time until = deadline_after(engine::clock_now(), timeout);
  Time since = engine::clock_now();  // nothing has changed
  std::size_t before = 0;
  for (Duration interval = 1ms;; interval = std::min<Duration>(2 * interval, 10ms)) {
    const auto status = this->status();
    if (!status) return Unexpected(status.error());
    const Time now = engine::clock_now();
    const std::size_t left = status->rpcs.size();
    if (left != before || !std::ranges::all_of(status->rpcs, wholly_answered)) since = now;
    if (left == 0 || now - since >= kAckPatience) return {};
    before = left;
    if (now >= until) {
      const std::lock_guard lock(mutex_);
      return fail(ErrorCode::kTimeout,
                  std::to_string(left) + " RPCs of this socket are still in progress",
                  Executed::kPerhaps);
    }
    pause(std::min(interval, until - now));
  }
}

}  // namespace homa::client
