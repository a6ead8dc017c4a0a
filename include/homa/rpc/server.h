// The server's side of services.
#pragma once

#include <google/protobuf/message_lite.h>

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "homa/host.h"
#include "homa/rpc/context.h"
#include "homa/rpc/method.h"
#include "homa/rpc/status.h"
#include "homa/rpc/stream.h"
#include "homa/task.h"

namespace homa::rpc {

class ServerCore;

// A request on its way through its handler. Movable. Thread: one at a time. One that is destroyed
// before it was finished ends with kInternal.
class ServerCall {
 public:
  ServerCall(ServerCall&& other) noexcept;
  ServerCall& operator=(ServerCall&&) = delete;
  ~ServerCall();

  ServerContext& context() { return context_; }
  // False: the bytes are no such message; the call was finished with kInvalidArgument.
  bool parse(google::protobuf::MessageLite* request);
  // Answers. `response` may be null unless the status is kOk. Once.
  void finish(const Status& status, const google::protobuf::MessageLite* response);

 private:
  friend class ServerCore;
  ServerCall(std::shared_ptr<ServerCore> core, std::size_t method, Message request,
             std::span<const std::byte> metadata, std::span<const std::byte> body);

  std::shared_ptr<ServerCore> core_;  // until it is finished
  std::size_t method_;
  Message request_;
  std::span<const std::byte> body_;
  ServerContext context_;
};

// How a method is run. Generated code makes these, by synchronous() and its like below.
struct Handler {
  Method method;
  std::function<void(ServerCall)> run;  // of a unary method
  // Of one with streams: runs in a thread of its own, until the stream ends.
  std::function<Status(ServerContext&, ServerStreamCore&)> stream{};
};

// What generated service classes derive from.
class Service {
 public:
  Service() = default;
  virtual ~Service() = default;
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;
  virtual std::vector<Handler> handlers() = 0;
};

// Sees every call of a server. It outlives the server; several threads at once.
class ServerInterceptor {
 public:
  virtual ~ServerInterceptor() = default;
  // Before the handler. Anything but kOk is the answer, and the handler does not run.
  virtual Status before(const Method& /*method*/, ServerContext& /*context*/) { return {}; }
  // When the handler has ended, before the answer leaves.
  virtual void after(const Method& /*method*/, ServerContext& /*context*/, const Status&) {}
};

struct ServerOptions {
  // Threads that receive requests and run handlers. 1 to 1,024.
  unsigned threads = 4;
  // Calls in progress at most; further ones are answered with kResourceExhausted, not executed.
  std::uint32_t calls_max = 10'000;
  // Streams at once; each has a thread. Further ones are answered with kResourceExhausted.
  std::uint32_t streams_max = 1'000;
  std::vector<ServerInterceptor*> interceptors{};
};

inline constexpr std::size_t kLatencyBuckets = 40;

struct MethodStatistics {
  std::string method{};
  std::uint64_t calls = 0;   // that were answered
  std::uint64_t failed = 0;  // among them, with a status other than kOk
  std::uint32_t in_progress = 0;
  // took[i]: calls that took less than 2^i microseconds, and not less than half of that, from the
  // request's arrival at a thread to its answer. The last one has all that were longer.
  std::array<std::uint64_t, kLatencyBuckets> took{};
  // The time in microseconds that so much of the calls (0 to 1) did not exceed; 0: there were none.
  std::uint64_t quantile(double share) const;
};

class Server {
 public:
  // kInvalidArgument, and what Host::serve() gives.
  static Result<Server, Error> open(Host& host, std::uint16_t port,
                                    const ServerOptions& options = {});
  Server(Server&&) noexcept;
  Server& operator=(Server&&) noexcept;
  ~Server();  // shutdown without waiting

  // Before start(). The service outlives the server, and calls of its that are not finished.
  // kInUse: a method of that name, or of the same id, is there already.
  Result<void, Error> add(Service& service);
  // Requests are taken from now on. kSystem: threads are not to be had.
  Result<void, Error> start();
  // Refuses new calls (their clients ask other servers), waits at most `drain` until those in
  // progress are answered, and ends. Not in a handler. kTimeout: some were not, and were aborted.
  Result<void, Error> shutdown(Timeout drain = std::chrono::seconds(5));

  // What the health service says of "package.Service" (at first: that it serves). False: there is
  // no such service.
  bool set_serving(std::string_view service, bool serving);
  const SocketAddress& address() const;
  std::vector<MethodStatistics> statistics() const;

 private:
  explicit Server(std::shared_ptr<ServerCore> core);
  std::shared_ptr<ServerCore> core_;
};

// --- For generated code: handlers of each form ---

// Function: Status(ServerContext&, const Request&, Response*).
template <typename Request, typename Response, typename Function>
std::function<void(ServerCall)> synchronous(Function function) {
  return [function](ServerCall call) {
    Request request;
    if (!call.parse(&request)) return;
    Response response;
    const Status status = function(call.context(), request, &response);
    call.finish(status, &response);
  };
}

// Function: Status(ServerContext&, ServerStream<Request, Response>&).
template <typename Request, typename Response, typename Function>
std::function<Status(ServerContext&, ServerStreamCore&)> streams(Function function) {
  return [function](ServerContext& context, ServerStreamCore& core) {
    ServerStream<Request, Response> stream(core);
    return function(context, stream);
  };
}

// Function: Status(ServerContext&, const Request&, ServerStream<Request, Response>&).
template <typename Request, typename Response, typename Function>
std::function<Status(ServerContext&, ServerStreamCore&)> response_stream(Function function) {
  return streams<Request, Response>([function](ServerContext& context, auto& stream) {
    Request request;
    if (!stream.read(&request)) return Status(StatusCode::kInternal, "no request came");
    return function(context, request, stream);
  });
}

// Function: Status(ServerContext&, ServerStream<Request, Response>&, Response*).
template <typename Request, typename Response, typename Function>
std::function<Status(ServerContext&, ServerStreamCore&)> request_stream(Function function) {
  return streams<Request, Response>([function](ServerContext& context, auto& stream) {
    Response response;
    Status status = function(context, stream, &response);
    if (status.ok()) stream.write(response);
    return status;
  });
}

// Function: void(ServerContext&, const Request&, Response*, std::function<void(Status)> done). What
// it is given lives until `done` was called.
template <typename Request, typename Response, typename Function>
std::function<void(ServerCall)> with_callback(Function function) {
  struct State {
    explicit State(ServerCall its_call) : call(std::move(its_call)) {}
    ServerCall call;
    Request request;
    Response response;
  };
  return [function](ServerCall call) {
    auto state = std::make_shared<State>(std::move(call));
    if (!state->call.parse(&state->request)) return;
    function(state->call.context(), state->request, &state->response,
             [state](const Status& status) { state->call.finish(status, &state->response); });
  };
}

namespace detail {
template <typename Request, typename Response, typename Function>
Task<> run_coroutine(Function function, ServerCall call) {
  Request request;
  if (!call.parse(&request)) co_return;
  Response response;
  const Status status = co_await function(call.context(), request, &response);
  call.finish(status, &response);
}
}  // namespace detail

// Function: Task<Status>(ServerContext&, const Request&, Response*).
template <typename Request, typename Response, typename Function>
std::function<void(ServerCall)> coroutine(Function function) {
  return [function](ServerCall call) {
    spawn(detail::run_coroutine<Request, Response>(function, std::move(call)));
  };
}

}  // namespace homa::rpc
