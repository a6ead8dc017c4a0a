// A socket: one channel to the host's engine, its RPCs, and the threads that wait for them.
//
// Locks: mutex_ guards everything below it. It may be held while the engine of a polled host is
// run (never the other way round: an engine only touches channels), and never while a thread
// sleeps.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "channel/application_end.h"
#include "client/host_state.h"
#include "client/inbox.h"
#include "homa/message.h"
#include "homa/socket.h"

namespace homa::client {

using Clock = std::chrono::steady_clock;
using Deadline = std::optional<Clock::time_point>;

// A thread that waits for something of this socket; lives on its stack.
struct Waiter {
  RpcHandle rpc = 0;        // waits for this RPC's answer only
  bool any = false;         // waits for any message
  bool driving = false;     // drives the polled engine
  bool polling = false;     // looks at the ring by itself
  std::uint32_t index = 0;  // of its wake word in the channel, plus one; 0: none was left
  channel::WakeWord own_word{0};
  channel::WakeWord* word = &own_word;  // 1: look again
};

class SocketState : public std::enable_shared_from_this<SocketState> {
 public:
  SocketState(std::shared_ptr<HostState> host, std::shared_ptr<channel::Region> region);
  ~SocketState();
  SocketState(const SocketState&) = delete;
  SocketState& operator=(const SocketState&) = delete;

  // Once, before anything else. Port 0: a client's, any free one.
  Result<void, Error> open(std::uint16_t port);

  Result<RpcHandle, Error> send(const SocketAddress& server, std::span<const std::byte> request,
                                const SendOptions& options);
  Result<Message, Error> receive(Timeout timeout);
  Result<Message, Error> receive_response(RpcHandle rpc, Timeout timeout);
  Result<Message, Error> call(const SocketAddress& server, std::span<const std::byte> request,
                              Timeout timeout);
  Result<void, Error> reply(RpcHandle rpc, std::span<const std::byte> response);
  Result<void, Error> abort(RpcHandle rpc, ErrorCode code);
  Result<void, Error> abort_all(ErrorCode code);
  int descriptor();
  void shutdown();
  bool is_open();
  std::uint16_t port() const { return port_; }
  Result<SocketStatus, Error> status();

  // A message's buffer is free again. Any thread, also after shutdown.
  void release(std::uint64_t buffer);

 private:
  using Lock = std::unique_lock<std::mutex>;
  enum class Waited : std::uint8_t { kTaken, kTimedOut, kClosed };
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
  struct Supplying {  // a message that is copied while its beginning is sent
    std::uint64_t memory = 0;
    bool returned = false;  // the engine gave the block back: its RPC ended
  };
  struct Answered {  // a submission that is answered
    std::uint64_t tag = 0;
    std::optional<channel::Completion> answer;
    Waiter* waiter = nullptr;
  };

  // --- waiting.cc ---
  // Until take() is true (called under the lock), the deadline, or the socket's end.
  Waited wait(Lock& lock, Waiter& waiter, Timeout timeout, Take take);
  Waited look_once(Lock& lock, Take take);
  void poll(Lock& lock, Waiter& waiter, Clock::time_point until);
  void sleep(Lock& lock, Waiter& waiter, Deadline deadline);
  void drive(Lock& lock, Waiter& waiter, Time now, Deadline deadline);
  void let_go();
  bool begin_driving(Waiter& waiter, Deadline deadline);
  void enter(Waiter& waiter);
  void leave(Waiter& waiter);
  void notify(Waiter& waiter);
  void notify_all();
  // Before the lock is given up: whoever has something to do is told.
  void settle() {
    if (!waiters_.empty() || said_sleeper_ != 0 || descriptor_used_) tell();
  }
  void tell();
  bool say_who_sleeps();
  void drain() {
    if (channel_.has_completions() || !to_release_.empty()) take_completions();
  }
  void take_completions();
  void take_completion(const channel::Completion& completion);
  bool update_descriptor();

  // --- socket_state.cc ---
  Result<channel::Completion, Error> ask(Lock& lock, channel::Submission submission);
  std::optional<std::uint64_t> copy_in(Lock& lock, std::span<const std::byte> bytes);
  void transmit(Lock& lock, channel::Submission& message, std::uint64_t memory,
                std::span<const std::byte> bytes);
  void submit(const channel::Submission& submission);
  channel::Submission& place(channel::SubmissionKind kind, RpcHandle rpc);
  void make_room();
  void release_buffer(std::uint64_t buffer);
  void flush_releases();
  void hand_over(Lock& lock);
  void hand_over_message(Lock& lock);
  Result<Message, Error> finish(Lock& lock, Waited waited, const Incoming* incoming);
  Message make_message(const Incoming& incoming);
  Result<void, Error> check_message(std::size_t bytes, const char* what);
  Unexpected<Error> fail(ErrorCode code, std::string text);
  Unexpected<Error> closed();
  void abort_locked(RpcHandle rpc, ErrorCode code);

  const std::shared_ptr<HostState> host_;
  std::uint16_t port_ = 0;

  std::mutex mutex_;
  channel::ApplicationEnd channel_;
  Inbox inbox_;
  bool closed_ = false;
  Error last_error_;
  std::uint64_t next_tag_ = 1;
  channel::Submission nobodys_;              // filled when there is no engine any more
  std::vector<Answered*> answered_;          // waited for
  std::vector<Supplying*> supplying_;        // as many as threads that copy
  std::vector<Waiter*> waiters_;             // the most recent one last
  std::vector<std::uint64_t> to_release_;    // buffers that found no room in the ring
  std::vector<std::uint32_t> free_indices_;  // of wake words
  std::uint32_t held_back_ = 0;              // messages submitted that wait for others
  std::uint32_t polling_ = 0;                // waiters that look at the ring
  std::uint32_t said_sleeper_ = 0;           // what the channel says
  bool descriptor_used_ = false;
  bool descriptor_readable_ = false;  // as far as we made it so
  bool descriptor_owed_ = false;      // the engine may still be about to write it
};

}  // namespace homa::client
