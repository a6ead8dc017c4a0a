// Sockets without waiting threads: completions as callbacks, futures and coroutines, which run on
// an executor (homa/executor.h).
//
// Threads: any thread may start operations and reply. Completions run in the executor's thread, and
// never inside the call that started the operation. Destroying an AsyncSocket, close(), and
// destroying a coroutine that waits, are for the executor's thread.
//
// Lifetime: each operation completes exactly once: with a message, or with an error. Those that are
// in progress when the socket is closed complete with kClosed before close() returns, so whatever a
// callback refers to must live until then.
#pragma once

#include <chrono>
#include <coroutine>
#include <cstdint>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <utility>
#include <variant>

#include "homa/executor.h"
#include "homa/message.h"
#include "homa/result.h"
#include "homa/socket.h"

namespace homa {

namespace async {
class SocketCore;
class OperationList;

// What a stop request calls, in its thread.
struct StopOperation {
  SocketCore* core;
  std::uint64_t id;
  RpcHandle rpc;
  void operator()() const;
};

// An operation in progress. Lives in whoever started it; linked while it is in progress.
class Operation {
 public:
  Operation() = default;
  Operation(const Operation&) = delete;
  Operation& operator=(const Operation&) = delete;

 protected:
  // Forgets an operation that is still in progress: its RPC is aborted, complete() is not called.
  virtual ~Operation() {
    if (core_) forget();
  }

 private:
  friend class SocketCore;
  friend class OperationList;
  // Once; the operation is linked no more and may be destroyed by this.
  virtual void complete(Result<Message, Error> result) = 0;
  void forget();

  std::shared_ptr<SocketCore> core_;  // while it is linked
  Operation* previous_ = nullptr;
  Operation* next_ = nullptr;
  std::uint64_t id_ = 0;
  RpcHandle rpc_ = 0;  // 0: it waits for a request
  std::chrono::steady_clock::time_point deadline_ = std::chrono::steady_clock::time_point::max();
  std::optional<std::stop_callback<StopOperation>> stop_;
};
}  // namespace async

struct CallOptions {
  Timeout timeout{};       // then the RPC is aborted, and the error is kTimeout; to 1 ms
  std::stop_token stop{};  // when it is requested, the RPC is aborted, and the error is kCancelled
};

class AsyncSocket {
 public:
  using Completion = std::function<void(Result<Message, Error>)>;

  // Takes the socket over. `executor` outlives the AsyncSocket. kClosed, kSystem, kNoMemory.
  static Result<AsyncSocket, Error> create(Socket socket, Executor& executor);

  AsyncSocket(AsyncSocket&&) noexcept;
  AsyncSocket& operator=(AsyncSocket&&) noexcept;
  ~AsyncSocket();  // close()

  // For what does not wait: prepare(), status(), client_waits(), stop_accepting(), abort() of
  // requests. Its cookies and its receive() belong to the AsyncSocket.
  Socket& socket();
  Executor& executor();

  // --- Callbacks ---
  // Starts an RPC. Without an error here, `done` is called once, with the response or an error.
  Result<void, Error> send(const SocketAddress& server, std::span<const std::byte> request,
                           Completion done, const CallOptions& options = {});
  // `request` is taken, and is empty then, only if there is no error.
  Result<void, Error> send(const SocketAddress& server, PreparedMessage&& request, Completion done,
                           const CallOptions& options = {});
  // `done` is called once, with the next request or an error. Answer it with reply(). Requests that
  // nobody waits for stay, as long as their clients do.
  Result<void, Error> receive(Completion done, std::stop_token stop = {});

  // --- Futures: for threads other than the executor's, which would wait for itself ---
  std::future<Result<Message, Error>> call_future(const SocketAddress& server,
                                                  std::span<const std::byte> request,
                                                  const CallOptions& options = {});

  // --- Coroutines ---
  class CallAwaiter;
  class ReceiveAwaiter;
  // Result<Message, Error> response = co_await socket.call(...); `request` is read before the
  // coroutine is suspended. It goes on in the executor's thread.
  CallAwaiter call(const SocketAddress& server, std::span<const std::byte> request,
                   CallOptions options = {});
  CallAwaiter call(const SocketAddress& server, PreparedMessage request, CallOptions options = {});
  // Result<Message, Error> request = co_await socket.receive();
  ReceiveAwaiter receive(std::stop_token stop = {});

  // Answers a request, as Socket::reply().
  Result<void, Error> reply(RpcHandle rpc, std::span<const std::byte> response);
  Result<void, Error> reply(RpcHandle rpc, PreparedMessage&& response);

  // Shuts the socket down. All that is in progress completes with kClosed.
  void close();

 private:
  friend class async::SocketCore;
  explicit AsyncSocket(std::shared_ptr<async::SocketCore> core);

  // An error: the operation did not start, and will not complete. `core` by value, because the
  // operation that holds it may be gone before these return.
  using Request = std::variant<std::span<const std::byte>, PreparedMessage*>;
  static Result<void, Error> start(std::shared_ptr<async::SocketCore> core,
                                   async::Operation& operation, const SocketAddress& server,
                                   const Request& request, const CallOptions& options);
  static Result<void, Error> start(std::shared_ptr<async::SocketCore> core,
                                   async::Operation& operation, const std::stop_token& stop);
  Result<void, Error> send(const SocketAddress& server, const Request& request, Completion done,
                           const CallOptions& options);

  std::shared_ptr<async::SocketCore> core_;
};

namespace async {
// What both awaiters do once the operation has started.
class Awaiter : public Operation {
 public:
  bool await_ready() const noexcept { return false; }
  Result<Message, Error> await_resume() { return std::move(*result_); }

 protected:
  // False: it did not start, and the coroutine goes on at once. If it started, it may have gone on
  // in another thread already, and be gone: nothing of it is touched.
  bool keep(Result<void, Error> started) {
    if (started) return true;
    result_.emplace(Unexpected(started.error()));
    return false;
  }
  std::coroutine_handle<> awaiting_;

 private:
  void complete(Result<Message, Error> result) override {
    result_.emplace(std::move(result));
    awaiting_.resume();
  }
  std::optional<Result<Message, Error>> result_;
};
}  // namespace async

class [[nodiscard]] AsyncSocket::CallAwaiter : public async::Awaiter {
 public:
  bool await_suspend(std::coroutine_handle<> awaiting) {
    awaiting_ = awaiting;
    const Request request =
        prepared_.size() > 0 ? Request(&prepared_) : Request(std::in_place_index<0>, bytes_);
    return keep(start(socket_, *this, server_, request, options_));
  }

 private:
  friend class AsyncSocket;
  CallAwaiter(std::shared_ptr<async::SocketCore> core, const SocketAddress& server,
              std::span<const std::byte> bytes, PreparedMessage prepared, CallOptions options)
      : socket_(std::move(core)),
        server_(server),
        bytes_(bytes),
        prepared_(std::move(prepared)),
        options_(std::move(options)) {}

  std::shared_ptr<async::SocketCore> socket_;
  SocketAddress server_;
  std::span<const std::byte> bytes_;
  PreparedMessage prepared_;
  CallOptions options_;
};

class [[nodiscard]] AsyncSocket::ReceiveAwaiter : public async::Awaiter {
 public:
  bool await_suspend(std::coroutine_handle<> awaiting) {
    awaiting_ = awaiting;
    return keep(start(socket_, *this, stop_));
  }

 private:
  friend class AsyncSocket;
  ReceiveAwaiter(std::shared_ptr<async::SocketCore> core, std::stop_token stop)
      : socket_(std::move(core)), stop_(std::move(stop)) {}

  std::shared_ptr<async::SocketCore> socket_;
  std::stop_token stop_;
};

}  // namespace homa
