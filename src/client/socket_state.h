// A socket: one channel to an engine, its RPCs, and the threads that wait for them. It puts the
// parts together (outbox, inbox, wait queue, ready descriptor) and asks its link to run the engine.
//
// Locks: mutex_ guards everything below it. It may be held while the link runs an engine (never the
// other way round: an engine only touches channels), and never while a thread sleeps.
//
// The engine is not trusted: a channel whose engine writes what cannot be ends the socket with an
// error. See break_off().
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "channel/application_end.h"
#include "client/engine_link.h"
#include "client/gather.h"
#include "client/inbox.h"
#include "client/outbox.h"
#include "client/ready_descriptor.h"
#include "client/wait_queue.h"
#include "engine/poll_worth.h"
#include "homa/message.h"
#include "homa/socket.h"

namespace homa::client {

class SocketState : public std::enable_shared_from_this<SocketState>, public EngineUser {
 public:
  // At the end of a channel's transmit memory, for a status when the rest is full of messages.
  static constexpr std::uint64_t kReserveBytes = 4096;
  static constexpr std::uint32_t kNoHeads = ~std::uint32_t{0};

  // `memory`: as EngineLink::attach_apart() gave it; nullptr: messages lie in the link's.
  SocketState(std::shared_ptr<EngineLink> link, std::shared_ptr<channel::Region> region,
              channel::Bell bell, std::unique_ptr<OwnMemory> memory = nullptr);
  ~SocketState() override;
  SocketState(const SocketState&) = delete;
  SocketState& operator=(const SocketState&) = delete;

  // Once, before anything else, when the link has attached the region. Port 0: any free client's.
  Result<void, Error> open(std::uint16_t port);
  // A client's socket serves `port` as well from now on.
  Result<void, Error> bind(std::uint16_t port);
  // See Socket::give_memory().
  Result<void, Error> give_memory(std::span<std::byte> memory);

  // A message to send is a Gather, which is copied, or a PreparedMessage, which is taken if all is
  // well.
  Result<RpcHandle, Error> send(const SocketAddress& server, Gather request,
                                const SendOptions& options);
  Result<RpcHandle, Error> send(const SocketAddress& server, PreparedMessage& request,
                                const SendOptions& options);
  // How many were taken; each has its own error.
  std::size_t send_many(std::span<OutgoingRequest> requests);
  std::size_t reply_many(std::span<OutgoingResponse> answers);
  Result<PreparedMessage, Error> prepare(std::size_t bytes);
  Result<Message, Error> receive(Timeout timeout);
  Result<std::size_t, Error> receive_many(std::span<Message> into, Timeout timeout);
  Result<Message, Error> receive_response(RpcHandle rpc, Timeout timeout);
  template <typename Outgoing>
  Result<Message, Error> call(const SocketAddress& server, Outgoing& request, Timeout timeout) {
    SendOptions options;
    options.is_private = true;
    const auto rpc = send(server, request, options);
    if (!rpc) return Unexpected(rpc.error());
    return finish_call(server, *rpc, timeout);
  }
  Result<void, Error> reply(RpcHandle rpc, Gather response);
  Result<void, Error> reply(RpcHandle rpc, PreparedMessage& response);
  // --- heads.cc ---
  Result<void, Error> announce_longer_than(std::uint32_t bytes);
  Result<void, Error> accept(Message& head, std::span<std::byte> place);
  Result<void, Error> refuse(Message& head, ErrorCode code);
  // A head was destroyed. Any thread, also after shutdown.
  void refuse_unseen(RpcHandle rpc, std::uint64_t buffer);

  bool client_waits(RpcHandle request);
  Result<void, Error> stop_accepting();
  // Until nothing is in progress on this socket.
  Result<void, Error> await_idle(Timeout timeout);
  Result<void, Error> abort(RpcHandle rpc, ErrorCode code);
  Result<void, Error> abort_all(ErrorCode code);
  int quiet_descriptor();
  int descriptor();
  void shutdown();
  bool is_open();
  bool inherited() const { return link_->inherited(); }
  std::uint16_t port() const { return port_.load(std::memory_order_relaxed); }
  Result<SocketStatus, Error> status();

  void engine_lost() override;
  bool engine_back() override;
  Left tidy() override;
  // A message's buffer is free again. Any thread, also after shutdown.
  void release(std::uint64_t buffer);
  // A prepared message was not sent. Any thread, also after shutdown.
  void discard(std::uint64_t memory);

 private:
  using Lock = std::unique_lock<channel::Mutex>;
  enum class Waited : std::uint8_t { kTaken, kTimedOut, kClosed, kNoMemory };
  // Calls a callable that outlives it.
  class Take {
   public:
    template <typename Callable>
    explicit Take(const Callable& callable)
        : object_(&callable),
          call_([](const void* object) { return (*static_cast<const Callable*>(object))(); }) {}
    bool operator()() const { return call_(object_); }

   private:
    const void* object_;
    bool (*call_)(const void*);
  };
  struct Question {  // a submission that the engine answers, and who waits for that
    std::uint64_t tag = 0;
    std::optional<channel::Completion> answer;
    Waiter* waiter = nullptr;
  };

  // --- waiting.cc ---
  // Until take() is true (called under the lock), the deadline, or the socket's end.
  Waited wait(Lock& lock, Waiter& waiter, Timeout timeout, Take take);
  Waited look_once(Lock& lock, Take take);
  void watch_or_sleep(Lock& lock, Waiter& waiter, Time now, Duration waited, Time until);
  // What was held back for further messages leaves now.
  void let_held_back_go();
  // Before the lock is given up: whoever has something to do is told.
  void settle() {
    if (waiters_.busy() || descriptor_.used()) tell();
  }
  void tell();
  // Takes what the engine completed. Throws nothing: a completion for which there is no memory is
  // kept until the next time, and starved() says so.
  void drain() {
    if (channel_.has_completions() || outbox_.owes_releases() || channel_.broken() || starved()) {
      take_completions();
    }
  }
  bool starved() const { return kept_.has_value(); }
  // Threads look at the ring before they sleep, and another one runs the engine.
  bool looks() const { return link_->limits().look > Duration::zero(); }
  // No message that is sent now fails for want of it.
  bool has_room() { return !inbox_.full() && outbox_.has_room(link_->limits().message_bytes_max); }
  void take_completions();
  void take_completion(const channel::Completion& completion);
  void take_request(channel::Completion request);
  void end_served(const channel::Completion& completion);
  // What came of a request and nobody has received.
  void give_up(const channel::Completion& unread);
  void decide(RpcHandle rpc, ErrorCode refusal);
  Result<void, Error> check_head(const Message& head);
  void end_head(Message& head, ErrorCode refusal);
  void put_in_place(Lock& lock, Message& message);
  void take_answer(channel::Completion answer);
  bool holds_message(const channel::Completion& completion) const;
  // The engine did what no engine does: the socket ends with an error that says so.
  void break_off(std::string_view literal);

  // --- socket_state.cc ---
  // Nothing comes any more: it was shut down, or no engine will serve it again.
  bool ended() const { return closed_ || (lost() && !away()); }
  bool usable() const { return !closed_ && !lost(); }
  // Before anything begins: while another homad takes the place of ours, waits for that one.
  // A prepared message is sent at once, because it keeps the socket at its engine.
  void await_successor(Lock& lock) {
    if (channel_.engine_leaves()) wait_for_successor(lock);
  }
  void wait_for_successor(Lock& lock);
  bool lost() const { return !broken_.empty() || channel_.engine_gone(); }
  Result<void, Error> ask_for_port(Lock& lock, std::uint16_t port);
  // No engine serves it at present.
  bool away() const { return broken_.empty() && channel_.engine_gone() && link_->comes_back(); }
  Result<channel::Completion, Error> ask(Lock& lock, const channel::Submission& submission);
  Result<void, Error> check_server(const SocketAddress& server);
  Result<void, Error> check_prepared(const PreparedMessage& message, const char* what);
  Result<RpcHandle, Error> start(const SendOptions& options);
  Unexpected<Error> no_room();
  channel::Submission& place_send(RpcHandle rpc, const SocketAddress& server);
  // A message of which the first bytes lie in transmit memory, and what is to be submitted with it.
  struct Begun {
    channel::Submission* submission;
    std::uint64_t memory;
  };
  Result<Begun, Error> begin_send(Lock& lock, const SocketAddress& server, Gather& request,
                                  const SendOptions& options);
  Result<Begun, Error> begin_reply(Lock& lock, RpcHandle rpc, Gather& response);
  void transmit_with_others(Lock& lock, const Begun& begun, Gather& bytes);
  Result<Message, Error> finish_call(const SocketAddress& server, RpcHandle rpc, Timeout timeout);
  Unexpected<Error> nobody_waits();
  void pause(Duration time);
  void transmit(Lock& lock, channel::Submission& message, std::uint64_t memory, Gather& bytes);
  void transmit(Lock& lock, channel::Submission& message, PreparedMessage& prepared);
  channel::Submission& place(channel::SubmissionKind kind, RpcHandle rpc = 0);
  void make_room();
  // The buffer of a message that no application got.
  void release_buffer(std::uint64_t buffer) {
    if (give_back(buffer) && !lost()) outbox_.release(offset_of(buffer));
  }
  void free_block(std::uint64_t memory) {
    if (!outbox_.free(memory)) break_off("gave transmit memory back that it did not have");
  }
  void hand_over(Lock& lock);
  void hand_over_message(Lock& lock);
  Result<Message, Error> receive_next(Lock& lock, Timeout timeout);
  Result<Message, Error> finish(Waited waited, const Incoming* incoming);
  Message make_message(const Incoming& incoming);
  void remember_failure(ErrorCode code, Executed executed, const SocketAddress& peer);
  Result<void, Error> check_message(std::size_t bytes, const char* what);
  Unexpected<Error> fail(ErrorCode code, std::string text, Executed executed = Executed::kNo);
  Unexpected<Error> closed(Executed executed = Executed::kNo);
  void close_channel();
  void abort_locked(RpcHandle rpc, ErrorCode code);

  // --- reattach.cc: buffers name the engine that gave them ---
  static constexpr unsigned kOffsetBits = 48;
  static std::uint64_t offset_of(std::uint64_t buffer) {
    return buffer & ((std::uint64_t{1} << kOffsetBits) - 1);
  }
  std::uint64_t buffer_at(std::uint64_t offset) const { return engines_ << kOffsetBits | offset; }
  // The buffer is used no more. False: it was of an engine that is gone.
  bool give_back(std::uint64_t buffer);
  std::span<const std::byte> bytes_of(std::uint64_t buffer, std::uint32_t length) const;
  // Ends what the lost engine had in progress.
  void leave_engine();
  void retire_memory();

  const std::shared_ptr<EngineLink> link_;
  const std::unique_ptr<OwnMemory> own_memory_;
  std::atomic<std::uint16_t> port_{0};

  channel::Mutex status_mutex_;  // taken before mutex_

  channel::Mutex mutex_;
  channel::ApplicationEnd channel_;
  Inbox inbox_;
  Outbox outbox_;
  WaitQueue waiters_;
  ReadyDescriptor descriptor_;
  engine::PollWorth look_;
  bool closed_ = false;
  bool draining_ = false;                     // new requests are refused
  std::uint32_t announced_above_ = kNoHeads;  // requests longer than that come in two steps
  std::string_view broken_;  // what the engine did that it cannot do, a literal; empty: nothing
  Error last_error_;
  std::uint64_t next_tag_ = 1;
  std::vector<Question*> questions_;         // not answered yet
  std::optional<channel::Completion> kept_;  // taken from the ring and waiting for memory

  // Memory of messages, by the engine that wrote them.
  struct Retired {
    std::uint64_t engine;
    std::uint64_t buffers;  // that are still used
    EngineLink::ReceiveMemory memory;
  };
  std::uint64_t engines_ = 0;         // that were lost
  std::uint64_t buffers_ = 0;         // of the present one that are used
  EngineLink::ReceiveMemory memory_;  // empty: own_memory_ was not given yet
  std::vector<Retired> retired_;
  bool left_engine_ = false;  // leave_engine() was called since the present one was lost
};

}  // namespace homa::client
