#include "homa/rpc/server.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <numeric>
#include <string>
#include <system_error>
#include <utility>

#include "base/failure.h"
#include "rpc/header.h"
#include "rpc/server_core.h"
#include "rpc/server_stream.h"

namespace homa::rpc {
namespace {

using google::protobuf::MessageLite;

Status not_executed(StatusCode code, std::string message) {
  Status status(code, std::move(message));
  status.set_executed(Executed::kNo);
  return status;
}

}  // namespace

Status at_deadline(std::optional<Clock::time_point> deadline, const Status& status) {
  if (status.ok() || !deadline || Clock::now() < *deadline) return status;
  return {StatusCode::kDeadlineExceeded, "the deadline has passed"};
}

// --- Contexts and calls ---

Metadata ServerContext::metadata() const { return decode_metadata(encoded_metadata_); }

bool ServerContext::is_cancelled() const {
  if (stream_ != nullptr) return stream_->is_cancelled();
  return (deadline_ && Clock::now() >= *deadline_) || !socket_->client_waits(rpc_);
}

ServerCall::ServerCall(std::shared_ptr<ServerCore> core, std::size_t method, Message request,
                       std::span<const std::byte> metadata, std::span<const std::byte> body)
    : core_(std::move(core)), method_(method), request_(std::move(request)), body_(body) {
  context_.socket_ = &core_->socket();
  context_.rpc_ = request_.rpc();
  context_.peer_ = request_.peer();
  context_.encoded_metadata_ = metadata;
}

ServerCall::ServerCall(ServerCall&& other) noexcept = default;

ServerCall::~ServerCall() {
  if (core_) finish(Status(StatusCode::kInternal, "the handler gave no answer"), nullptr);
}

bool ServerCall::parse(MessageLite* request) {
  if (request->ParseFromArray(body_.data(), static_cast<int>(body_.size()))) return true;
  finish(not_executed(StatusCode::kInvalidArgument, "the request is no " + request->GetTypeName()),
         nullptr);
  return false;
}

void ServerCall::finish(const Status& status, const MessageLite* response) {
  const auto core = std::exchange(core_, nullptr);
  if (core) core->finish(method_, context_, request_.rpc(), status, response);
}

// --- The server ---

ServerCore::ServerCore(Socket socket, const SocketAddress& address, const ServerOptions& options)
    : socket_(std::move(socket)),
      address_(address),
      options_(options),
      streams_(socket_, options.streams_max) {}

ServerCore::~ServerCore() = default;

Result<void, Error> ServerCore::add(Handler handler) {
  if (!threads_.empty()) return failure(ErrorCode::kInvalidArgument, "the server has started");
  const Method method = handler.method;
  const auto [found, added] = by_id_.try_emplace(method.id, methods_.size());
  if (!added) {
    return failure(ErrorCode::kInUse,
                   std::string(method.name) + " has the id of " +
                       std::string(methods_[found->second]->handler.method.name) +
                       ", which is there already");
  }
  directory_.add(method);
  methods_.push_back(std::make_unique<Entry>(std::move(handler)));
  return {};
}

Result<void, Error> ServerCore::add_built_in() {
  for (Service* const service : std::initializer_list<Service*>{&health_, &reflection_}) {
    for (Handler& handler : service->handlers()) {
      if (auto added = add(std::move(handler)); !added) return added;
    }
  }
  return {};
}

Result<void, Error> ServerCore::start() try {
  if (!threads_.empty()) return failure(ErrorCode::kInvalidArgument, "the server has started");
  for (unsigned i = 0; i < options_.threads; ++i) {
    threads_.emplace_back([self = shared_from_this()] { self->run(); });
  }
  return {};
} catch (const std::system_error& error) {
  return failure(ErrorCode::kSystem, std::string("no thread is to be had: ") + error.what());
}

Result<void, Error> ServerCore::shutdown(Timeout drain) {
  Result<void, Error> drained;
  if (socket_.is_open()) {
    static_cast<void>(socket_.stop_accepting().has_value());
    drained = socket_.drain(drain);
    socket_.shutdown();
  }
  streams_.end();
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
  return drained;
}

void ServerCore::run() {
  for (;;) {
    auto request = socket_.receive();
    if (request && request->is_request()) take(std::move(request).value());
    if (!request && request.error().code == ErrorCode::kClosed) return;
  }
}

void ServerCore::refuse(RpcHandle rpc, StatusCode code, std::string message) {
  answer(rpc, not_executed(code, std::move(message)), {}, nullptr);
}

void ServerCore::take(Message request) {
  const RpcHandle rpc = request.rpc();
  const auto header = parse_request(request.bytes());
  if (!header) {
    return refuse(rpc, StatusCode::kInternal,
                  "the request is " + std::string(to_string(header.error())));
  }
  if (header->kind != Kind::kUnary) return take_of_stream(*header, std::move(request));
  const auto found = by_id_.find(header->method);
  if (found == by_id_.end()) {
    return refuse(rpc, StatusCode::kUnimplemented, "the server has no such method");
  }
  Entry& entry = *methods_[found->second];
  if (!entry.handler.run) {
    return refuse(rpc, StatusCode::kUnimplemented, "the method is one with streams");
  }
  if (in_progress_.fetch_add(1, std::memory_order_relaxed) >= options_.calls_max) {
    in_progress_.fetch_sub(1, std::memory_order_relaxed);
    return refuse(rpc, StatusCode::kResourceExhausted,
                  "the server has as many calls in progress as it takes (calls_max)");
  }
  entry.in_progress.fetch_add(1, std::memory_order_relaxed);
  ServerCall call(shared_from_this(), found->second, std::move(request), header->metadata,
                  header->body);
  if (header->timeout.count() > 0) call.context_.deadline_ = Clock::now() + header->timeout;
  for (ServerInterceptor* interceptor : options_.interceptors) {
    Status status = interceptor->before(entry.handler.method, call.context());
    if (status.ok()) continue;
    status.set_executed(Executed::kNo);
    return call.finish(status, nullptr);
  }
  entry.handler.run(std::move(call));
}

void ServerCore::take_of_stream(const RequestHeader& header, Message request) {
  const auto found = by_id_.find(header.method);
  Entry* const entry = found == by_id_.end() ? nullptr : methods_[found->second].get();
  const bool streams = entry != nullptr && entry->handler.stream;
  if (!streams) return streams_.take(header, std::move(request), nullptr, {});
  // Interceptors see the stream as one call.
  const StreamTable::Handle handle = [this, entry](ServerContext& context,
                                                   ServerStreamCore& stream) {
    entry->in_progress.fetch_add(1, std::memory_order_relaxed);
    Status status;
    for (ServerInterceptor* interceptor : options_.interceptors) {
      if (status.ok()) status = interceptor->before(entry->handler.method, context);
    }
    if (status.ok()) status = entry->handler.stream(context, stream);
    for (ServerInterceptor* interceptor : options_.interceptors) {
      interceptor->after(entry->handler.method, context, status);
    }
    return status;
  };
  streams_.take(
      header, std::move(request), &handle,
      [entry, began = Clock::now()](const Status& status) { count(*entry, status, began); });
}

void ServerCore::count(Entry& entry, const Status& status, Clock::time_point began) {
  using std::chrono::microseconds;
  const auto took = std::chrono::duration_cast<microseconds>(Clock::now() - began).count();
  const auto bucket = static_cast<std::size_t>(std::bit_width(static_cast<std::uint64_t>(took)));
  entry.took[std::min(bucket, entry.took.size() - 1)].fetch_add(1, std::memory_order_relaxed);
  entry.in_progress.fetch_sub(1, std::memory_order_relaxed);
  entry.calls.fetch_add(1, std::memory_order_relaxed);
  if (!status.ok()) entry.failed.fetch_add(1, std::memory_order_relaxed);
}

// Whoever has the answer sees the call counted.
void ServerCore::finish(std::size_t method, ServerContext& context, RpcHandle rpc,
                        const Status& status, const MessageLite* response) {
  Entry& entry = *methods_[method];
  const Status final = at_deadline(context.deadline(), status);
  for (ServerInterceptor* interceptor : options_.interceptors) {
    interceptor->after(entry.handler.method, context, final);
  }
  count(entry, final, context.began_);
  in_progress_.fetch_sub(1, std::memory_order_relaxed);
  answer(rpc, final, context.response_metadata(), response);
}

// If it fails, the client gave up, or it is told that something was too much for this server.
void ServerCore::answer(RpcHandle rpc, const Status& status, const Metadata& metadata,
                        const MessageLite* response) {
  const bool has_body = status.ok() && response != nullptr;
  const std::size_t header = response_bytes(status, metadata);
  const std::size_t body = has_body ? response->ByteSizeLong() : 0;
  auto message = socket_.prepare(header + body);
  if (!message) {
    static_cast<void>(socket_.abort(rpc, message.error().code).has_value());
    return;
  }
  write_response(message->bytes(), status, metadata);
  if (has_body) {
    response->SerializeWithCachedSizesToArray(
        reinterpret_cast<std::uint8_t*>(message->bytes().data() + header));
  }
  static_cast<void>(socket_.reply(rpc, std::move(message).value()).has_value());
}

std::uint64_t MethodStatistics::quantile(double share) const {
  const std::uint64_t all = std::accumulate(took.begin(), took.end(), std::uint64_t{0});
  const auto wanted = static_cast<std::uint64_t>(std::ceil(share * static_cast<double>(all)));
  std::uint64_t so_far = 0;
  for (std::size_t i = 0; i < took.size(); ++i) {
    so_far += took[i];
    if (so_far > 0 && so_far >= wanted) return std::uint64_t{1} << i;
  }
  return 0;
}

std::vector<MethodStatistics> ServerCore::statistics() const {
  std::vector<MethodStatistics> all;
  for (const auto& entry : methods_) {
    all.push_back({std::string(entry->handler.method.name),
                   entry->calls.load(std::memory_order_relaxed),
                   entry->failed.load(std::memory_order_relaxed),
                   entry->in_progress.load(std::memory_order_relaxed),
                   {}});
    for (std::size_t i = 0; i < entry->took.size(); ++i) {
      all.back().took[i] = entry->took[i].load(std::memory_order_relaxed);
    }
  }
  return all;
}

// --- Server ---

Server::Server(std::shared_ptr<ServerCore> core) : core_(std::move(core)) {}
Server::Server(Server&&) noexcept = default;

Server& Server::operator=(Server&& other) noexcept {
  std::swap(core_, other.core_);
  return *this;
}

Server::~Server() {
  if (core_) static_cast<void>(shutdown(std::chrono::nanoseconds::zero()).has_value());
}

Result<Server, Error> Server::open(Host& host, std::uint16_t port, const ServerOptions& options) {
  constexpr unsigned kThreadsMost = 1'024;
  if (options.threads < 1 || options.threads > kThreadsMost) {
    return failure(ErrorCode::kInvalidArgument,
                   "ServerOptions::threads is 1 to 1024, not " + std::to_string(options.threads));
  }
  auto socket = host.serve(port);
  if (!socket) return Unexpected(socket.error());
  auto core = std::make_shared<ServerCore>(std::move(socket).value(),
                                           SocketAddress{host.address(), port}, options);
  if (auto added = core->add_built_in(); !added) return Unexpected(added.error());
  return Server(std::move(core));
}

Result<void, Error> Server::add(Service& service) {
  for (Handler& handler : service.handlers()) {
    if (auto added = core_->add(std::move(handler)); !added) return added;
  }
  return {};
}

Result<void, Error> Server::start() { return core_->start(); }
Result<void, Error> Server::shutdown(Timeout drain) { return core_->shutdown(drain); }
const SocketAddress& Server::address() const { return core_->address(); }
bool Server::set_serving(std::string_view service, bool serving) {
  return core_->set_serving(service, serving);
}
std::vector<MethodStatistics> Server::statistics() const { return core_->statistics(); }

}  // namespace homa::rpc
