// An asynchronous socket: the operations in progress, and what completes them: messages, deadlines,
// stop requests, the end.
//
// Every call ends by a message of the socket: a deadline or a stop request aborts its RPC with a
// code, and the failure that follows completes it. So there is one path, and no race between two.
//
// Locks: mutex_ guards what is below it. It is never held while an operation completes, nor while a
// stop callback is removed, because that waits for a callback that runs.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <span>
#include <variant>

#include "base/descriptor.h"
#include "homa/async.h"

namespace homa::async {

// Operations in the order in which they began.
class OperationList {
 public:
  bool empty() const { return first_ == nullptr; }
  Operation* first() const { return first_; }
  static Operation* next(const Operation& operation);
  void add(Operation& operation);
  void remove(Operation& operation);

 private:
  Operation* first_ = nullptr;
  Operation* last_ = nullptr;
};

class SocketCore : public std::enable_shared_from_this<SocketCore> {
 public:
  using Clock = std::chrono::steady_clock;
  using Request = std::variant<std::span<const std::byte>, PreparedMessage*>;

  SocketCore(Socket socket, Executor& executor, base::Descriptor timer);
  ~SocketCore();
  SocketCore(const SocketCore&) = delete;
  SocketCore& operator=(const SocketCore&) = delete;

  // Once, before anything else. kSystem, kClosed.
  Result<void, Error> watch();

  Result<void, Error> start_call(Operation& operation, const SocketAddress& server,
                                 const Request& request, const CallOptions& options);
  Result<void, Error> start_receive(Operation& operation, const std::stop_token& stop);
  // Any thread: the operation is to end with kCancelled.
  void request_stop(std::uint64_t id, RpcHandle rpc);
  // In the executor's thread.
  void forget(Operation& operation);
  void close();

  Socket& socket() { return socket_; }
  Executor& executor() { return executor_; }

 private:
  using Lock = std::unique_lock<std::mutex>;

  void ready();    // the socket's descriptor is readable
  void expired();  // the timer's is
  void hand_out_requests();
  void cancel_receive(std::uint64_t id);
  void end(const Error& error);
  void arm_timer(Clock::time_point time);
  void begin(Operation& operation, const std::stop_token& stop);
  static void complete(Operation& operation, Result<Message, Error> result);

  Socket socket_;
  Executor& executor_;
  const base::Descriptor timer_;
  std::unique_ptr<Executor::Watch> socket_watch_, timer_watch_;  // the executor's thread

  std::mutex mutex_;
  bool ended_ = false;
  OperationList calls_, receives_;
  std::deque<Message> requests_;  // that nobody has waited for
  Clock::time_point timer_time_ = Clock::time_point::max();
  std::uint64_t next_id_ = 1;
};

}  // namespace homa::async
