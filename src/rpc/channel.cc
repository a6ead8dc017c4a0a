#include "homa/rpc/channel.h"

#include <algorithm>
#include <random>
#include <stop_token>
#include <string>
#include <utility>

#include "base/failure.h"
#include "rpc/channel_core.h"
#include "rpc/client_stream.h"
#include "rpc/header.h"
#include "rpc/outgoing.h"
#include "rpc/target.h"

namespace homa::rpc {
namespace {

using google::protobuf::MessageLite;

constexpr unsigned kAttemptsMost = 16;
constexpr std::chrono::microseconds kHedgeSoonest{100};

}  // namespace

ChannelCore::ChannelCore(Socket socket, std::vector<SocketAddress> servers,
                         const ChannelOptions& options, std::uint64_t seed)
    : options_(options), socket_(std::move(socket)), balancer_(std::move(servers), seed) {}

Result<void, Error> ChannelCore::open_async(Socket socket) {
  auto async = AsyncSocket::create(std::move(socket), *options_.executor);
  if (!async) return Unexpected(async.error());
  async_.emplace(std::move(async).value());
  return {};
}

void ChannelCore::close() {
  if (async_) async_->close();
  socket_.shutdown();
}

Result<PreparedMessage, Error> ChannelCore::prepare(Socket& socket, const Method& method,
                                                    const ClientContext& context,
                                                    const MessageLite& request) {
  RequestHeader header;
  header.method = method.id;
  header.timeout = timeout_of(context);
  return prepare_request(socket, header, context.metadata(), &request);
}

// What a response says, or why there is none.
Status ChannelCore::read(const Result<Message, Error>& answer, ClientContext& context,
                         MessageLite* response) {
  if (!answer) return Status::of(answer.error());
  const auto header = parse_response(answer->bytes());
  if (!header) {
    return {StatusCode::kInternal,
            "the server's response is " + std::string(to_string(header.error()))};
  }
  context.peer_ = answer->peer();
  context.response_metadata_ = decode_metadata(header->metadata);
  if (header->code != StatusCode::kOk) return status_of(*header);
  const int size = static_cast<int>(header->body.size());
  if (response != nullptr && !response->ParseFromArray(header->body.data(), size)) {
    response->Clear();
    return {StatusCode::kInternal, "the server's response is no " + response->GetTypeName()};
  }
  return {};
}

// A call that may be stopped by another thread has to be known by its RPC's id.
Result<Message, Error> ChannelCore::call_stoppable(const SocketAddress& server,
                                                   PreparedMessage request,
                                                   const ClientContext& context) {
  SendOptions options;
  options.is_private = true;
  const auto rpc = socket_.send(server, std::move(request), options);
  if (!rpc) return Unexpected(rpc.error());
  const std::stop_callback stop(context.stop(), [this, rpc = *rpc] {
    static_cast<void>(socket_.abort(rpc, ErrorCode::kCancelled).has_value());
  });
  auto answer = socket_.receive_response(*rpc, time_left(context));
  if (answer && answer->kind() == Message::Kind::kFailure) return Unexpected(answer->failure());
  if (answer || answer.error().code != ErrorCode::kWouldBlock) return answer;
  static_cast<void>(socket_.abort(*rpc).has_value());
  Error error{ErrorCode::kTimeout, "the deadline has passed", Executed::kPerhaps};
  return Unexpected(std::move(error));
}

Status ChannelCore::attempt(const SocketAddress& server, const Method& method,
                            ClientContext& context, const MessageLite& request,
                            MessageLite* response) {
  auto message = prepare(socket_, method, context, request);
  if (!message) return Status::of(message.error());
  if (context.stop().stop_possible()) {
    return read(call_stoppable(server, std::move(message).value(), context), context, response);
  }
  return read(socket_.call(server, std::move(message).value(), time_left(context)), context,
              response);
}

Status ChannelCore::begin(const Method& method, ClientContext& context) const {
  if (!context.deadline() && options_.timeout) context.set_timeout(*options_.timeout);
  context.response_metadata_.clear();
  context.attempts_ = 0;
  for (ClientInterceptor* interceptor : options_.interceptors) {
    if (Status status = interceptor->before(method, context); !status.ok()) return status;
  }
  return {};
}

void ChannelCore::end(const Method& method, ClientContext& context, const Status& status) const {
  for (ClientInterceptor* interceptor : options_.interceptors) {
    interceptor->after(method, context, status);
  }
}

bool ChannelCore::next_server(Attempts& attempts, ClientContext& context) {
  const auto server = balancer_.pick(attempts.asked, Clock::now());
  if (!server) return false;
  attempts.asked[*server] = true;
  attempts.server = *server;
  ++context.attempts_;
  return true;
}

// An attempt ended with `status`. True: another server is to be asked.
bool ChannelCore::try_again(Attempts& attempts, const Method& method, const ClientContext& context,
                            Status status) {
  const bool refused = !status.ok() && status.executed() == Executed::kNo;
  const bool unreached = status.code() == StatusCode::kUnavailable;
  balancer_.finished(attempts.server, !unreached, Clock::now());
  const bool safe = refused || (unreached && method.idempotent);
  attempts.last = std::move(status);
  return safe && attempts.last.code() != StatusCode::kDeadlineExceeded &&
         attempts.last.code() != StatusCode::kInvalidArgument &&
         context.attempts() < options_.attempts_max && balancer_.servers() > 1 &&
         !context.stop().stop_requested() && balancer_.may_retry();
}

Status ChannelCore::call(const Method& method, ClientContext& context, const MessageLite& request,
                         MessageLite* response) {
  Attempts attempts(balancer_.servers());
  attempts.last = begin(method, context);
  if (attempts.last.ok()) {
    while (next_server(attempts, context)) {
      Status status = hedges(method) ? attempt_hedged(attempts, method, context, request, response)
                                     : attempt(balancer_.address(attempts.server), method, context,
                                               request, response);
      if (!try_again(attempts, method, context, std::move(status))) break;
    }
  }
  end(method, context, attempts.last);
  return std::move(attempts.last);
}

Task<Status> ChannelCore::call_async(std::shared_ptr<ChannelCore> self, const Method& method,
                                     ClientContext& context, const MessageLite& request,
                                     MessageLite* response) {
  Attempts attempts(self->balancer_.servers());
  attempts.last = self->begin(method, context);
  while (attempts.last.ok() && self->next_server(attempts, context)) {
    Status status;
    auto message = prepare(self->async_->socket(), method, context, request);
    if (message) {
      const CallOptions options{time_left(context), context.stop()};
      const auto answer = co_await self->async_->call(self->balancer_.address(attempts.server),
                                                      std::move(message).value(), options);
      status = read(answer, context, response);
    } else {
      status = Status::of(message.error());
    }
    if (!self->try_again(attempts, method, context, std::move(status))) break;
    attempts.last = Status();
  }
  self->end(method, context, attempts.last);
  co_return std::move(attempts.last);
}

// The balancer counts a stream's opening only: a stream says nothing about the load that it is.
std::unique_ptr<ClientStreamCore> ChannelCore::stream(const std::shared_ptr<ChannelCore>& self,
                                                      const Method& method,
                                                      ClientContext& context) {
  Attempts attempts(self->balancer_.servers());
  attempts.last = self->begin(method, context);
  std::unique_ptr<ClientStreamEnd> stream;
  while (attempts.last.ok() && self->next_server(attempts, context)) {
    stream = std::make_unique<ClientStreamEnd>(
        self, self->socket_, self->balancer_.address(attempts.server), method, context,
        std::random_device{}() * (std::uint64_t{1} << 32) + std::random_device{}());
    Status status = stream->open();
    if (!self->try_again(attempts, method, context, std::move(status))) break;
    attempts.last = Status();
  }
  self->end(method, context, attempts.last);
  if (stream == nullptr) {
    stream =
        std::make_unique<ClientStreamEnd>(self, self->socket_, SocketAddress(), method, context, 0);
    stream->fail(std::move(attempts.last));
  }
  return stream;
}

// --- Channel ---

namespace {

Task<> call_and_tell(std::shared_ptr<ChannelCore> core, const Method& method,
                     ClientContext& context, const MessageLite& request, MessageLite* response,
                     Channel::Done done) {
  Status status = co_await ChannelCore::call_async(core, method, context, request, response);
  done(std::move(status));
}

}  // namespace

Channel::Channel(std::shared_ptr<ChannelCore> core) : core_(std::move(core)) {}
Channel::Channel(Channel&&) noexcept = default;

Channel& Channel::operator=(Channel&& other) noexcept {
  std::swap(core_, other.core_);
  return *this;
}

Channel::~Channel() {
  if (core_) core_->close();
}

Result<Channel, Error> Channel::open(Host& host, std::string_view target,
                                     const ChannelOptions& options) {
  if (options.attempts_max < 1 || options.attempts_max > kAttemptsMost) {
    return failure(ErrorCode::kInvalidArgument, "ChannelOptions::attempts_max is 1 to 16, not " +
                                                    std::to_string(options.attempts_max));
  }
  if (options.hedge_after && *options.hedge_after < kHedgeSoonest) {
    return failure(ErrorCode::kInvalidArgument, "ChannelOptions::hedge_after is 100 us or more");
  }
  auto servers = resolve_target(target);
  if (!servers) return Unexpected(servers.error());
  auto socket = host.client();
  if (!socket) return Unexpected(socket.error());
  auto core = std::make_shared<ChannelCore>(std::move(socket).value(), std::move(servers).value(),
                                            options, std::random_device{}());
  if (options.executor != nullptr) {
    auto second = host.client();
    if (!second) return Unexpected(second.error());
    if (auto opened = core->open_async(std::move(second).value()); !opened) {
      return Unexpected(opened.error());
    }
  }
  return Channel(std::move(core));
}

Status Channel::call(const Method& method, ClientContext& context, const MessageLite& request,
                     MessageLite* response) {
  return core_->call(method, context, request, response);
}

void Channel::call(const Method& method, ClientContext& context, const MessageLite& request,
                   MessageLite* response, Done done) {
  // Started in the executor's thread, so that `done` is never called inside of this call.
  auto start = [core = core_, &method, &context, &request, response, done = std::move(done)] {
    spawn(call_and_tell(core, method, context, request, response, done));
  };
  core_->executor().post(std::move(start));
}

std::unique_ptr<ClientStreamCore> Channel::stream(const Method& method, ClientContext& context) {
  return ChannelCore::stream(core_, method, context);
}

Task<Status> Channel::call_async(const Method& method, ClientContext& context,
                                 const MessageLite& request, MessageLite* response) {
  return ChannelCore::call_async(core_, method, context, request, response);
}

}  // namespace homa::rpc
