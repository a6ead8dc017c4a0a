#include "homa/async.h"

#include <sys/timerfd.h>

#include <cerrno>
#include <new>
#include <utility>

#include "async/socket_core.h"
#include "base/failure.h"

namespace homa {
namespace {

class CallbackOperation : public async::Operation {
 public:
  explicit CallbackOperation(AsyncSocket::Completion done) : done_(std::move(done)) {}
  ~CallbackOperation() override = default;

 private:
  void complete(Result<Message, Error> result) override {
    const std::unique_ptr<CallbackOperation> self(this);
    done_(std::move(result));
  }
  AsyncSocket::Completion done_;
};

class FutureOperation : public async::Operation {
 public:
  ~FutureOperation() override = default;
  std::promise<Result<Message, Error>> promise;

 private:
  void complete(Result<Message, Error> result) override {
    const std::unique_ptr<FutureOperation> self(this);
    promise.set_value(std::move(result));
  }
};

}  // namespace

AsyncSocket::AsyncSocket(std::shared_ptr<async::SocketCore> core) : core_(std::move(core)) {}
AsyncSocket::AsyncSocket(AsyncSocket&&) noexcept = default;

AsyncSocket& AsyncSocket::operator=(AsyncSocket&& other) noexcept {
  std::swap(core_, other.core_);
  return *this;
}

AsyncSocket::~AsyncSocket() {
  if (core_) core_->close();
}

Result<AsyncSocket, Error> AsyncSocket::create(Socket socket, Executor& executor) try {
  base::Descriptor timer(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
  if (timer.get() < 0) {
    return system_failure("timerfd_create", errno);
  }
  AsyncSocket made(
      std::make_shared<async::SocketCore>(std::move(socket), executor, std::move(timer)));
  if (auto watched = made.core_->watch(); !watched) return Unexpected(watched.error());
  return made;
} catch (const std::bad_alloc&) {
  return failure(ErrorCode::kNoMemory, "out of memory");
}

Socket& AsyncSocket::socket() { return core_->socket(); }
Executor& AsyncSocket::executor() { return core_->executor(); }

Result<void, Error> AsyncSocket::start(std::shared_ptr<async::SocketCore> core,
                                       async::Operation& operation, const SocketAddress& server,
                                       const Request& request, const CallOptions& options) {
  return core->start_call(operation, server, request, options);
}

Result<void, Error> AsyncSocket::start(std::shared_ptr<async::SocketCore> core,
                                       async::Operation& operation, const std::stop_token& stop) {
  return core->start_receive(operation, stop);
}

Result<void, Error> AsyncSocket::send(const SocketAddress& server, const Request& request,
                                      Completion done, const CallOptions& options) try {
  auto operation = std::make_unique<CallbackOperation>(std::move(done));
  auto started = core_->start_call(*operation, server, request, options);
  // In progress, it belongs to itself, and may be gone already.
  if (started) static_cast<void>(operation.release());
  return started;
} catch (const std::bad_alloc&) {
  return failure(ErrorCode::kNoMemory, "out of memory");
}

Result<void, Error> AsyncSocket::send(const SocketAddress& server,
                                      std::span<const std::byte> request, Completion done,
                                      const CallOptions& options) {
  return send(server, Request(request), std::move(done), options);
}

Result<void, Error> AsyncSocket::send(const SocketAddress& server, PreparedMessage&& request,
                                      Completion done, const CallOptions& options) {
  return send(server, Request(&request), std::move(done), options);
}

Result<void, Error> AsyncSocket::receive(Completion done, std::stop_token stop) try {
  auto operation = std::make_unique<CallbackOperation>(std::move(done));
  auto started = core_->start_receive(*operation, stop);
  if (started) static_cast<void>(operation.release());
  return started;
} catch (const std::bad_alloc&) {
  return failure(ErrorCode::kNoMemory, "out of memory");
}

std::future<Result<Message, Error>> AsyncSocket::call_future(const SocketAddress& server,
                                                             std::span<const std::byte> request,
                                                             const CallOptions& options) {
  auto operation = std::make_unique<FutureOperation>();
  auto future = operation->promise.get_future();
  const auto started = core_->start_call(*operation, server, Request(request), options);
  if (started) {
    static_cast<void>(operation.release());
  } else {
    operation->promise.set_value(Unexpected(started.error()));
  }
  return future;
}

AsyncSocket::CallAwaiter AsyncSocket::call(const SocketAddress& server,
                                           std::span<const std::byte> request,
                                           CallOptions options) {
  return CallAwaiter(core_, server, request, {}, std::move(options));
}

AsyncSocket::CallAwaiter AsyncSocket::call(const SocketAddress& server, PreparedMessage request,
                                           CallOptions options) {
  return CallAwaiter(core_, server, {}, std::move(request), std::move(options));
}

AsyncSocket::ReceiveAwaiter AsyncSocket::receive(std::stop_token stop) {
  return ReceiveAwaiter(core_, std::move(stop));
}

Result<void, Error> AsyncSocket::reply(RpcHandle rpc, std::span<const std::byte> response) {
  return core_->socket().reply(rpc, response);
}

Result<void, Error> AsyncSocket::reply(RpcHandle rpc, PreparedMessage&& response) {
  return core_->socket().reply(rpc, std::move(response));
}

void AsyncSocket::close() { core_->close(); }

}  // namespace homa
