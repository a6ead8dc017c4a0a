#include "rpc/server_stream.h"

#include <algorithm>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace homa::rpc {
namespace {

using google::protobuf::MessageLite;
using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;

constexpr auto kLookInterval = 50ms;  // for clients that are gone
constexpr auto kSilenceMax = 10s;     // without a request that waits for a message

Status refused(StatusCode code, const char* why) {
  Status status(code, why);
  status.set_executed(Executed::kNo);
  return status;
}

}  // namespace

void answer_stream(Socket& socket, RpcHandle rpc, const Status& status, const Metadata& metadata,
                   const MessageLite* message, bool end_of_stream) {
  const std::size_t front = response_bytes(status, metadata);
  const std::size_t body = message == nullptr ? 0 : message->ByteSizeLong();
  auto response = socket.prepare(front + body);
  if (!response) {
    static_cast<void>(socket.abort(rpc, response.error().code).has_value());
    return;
  }
  write_response(response->bytes(), status, metadata, end_of_stream);
  if (message != nullptr) {
    message->SerializeWithCachedSizesToArray(
        reinterpret_cast<std::uint8_t*>(response->bytes().data() + front));
  }
  // If it fails, the client is gone, which alive() notices.
  static_cast<void>(socket.reply(rpc, std::move(response).value()).has_value());
}

// --- One stream ---

ServerStreamEnd::ServerStreamEnd(Socket& socket, Message opened,
                                 std::span<const std::byte> metadata)
    : socket_(socket), opened_(std::move(opened)) {
  context_.socket_ = &socket_;
  context_.stream_ = this;
  context_.peer_ = opened_.peer();
  context_.encoded_metadata_ = metadata;
}

bool ServerStreamEnd::alive() {
  if (cancelled_) return false;
  if (context_.deadline_ && Clock::now() >= *context_.deadline_) return false;
  for (const auto& [sequence, rpc] : pulls_) {
    // A client that gives up ends all that it waits for.
    if (!socket_.client_waits(rpc)) return false;
  }
  return !pulls_.empty() || Clock::now() - heard_ < kSilenceMax;
}

template <typename Ready>
bool ServerStreamEnd::wait(Lock& lock, Ready ready) {
  while (!ready()) {
    if (!alive()) {
      cancelled_ = true;
      return false;
    }
    changed_.wait_for(lock, kLookInterval);
  }
  return true;
}

bool ServerStreamEnd::read(MessageLite* message) {
  Lock lock(mutex_);
  const auto next = [&] { return incoming_.find(next_read_); };
  const bool came =
      wait(lock, [&] { return next() != incoming_.end() || messages_ == next_read_; });
  if (!came || next() == incoming_.end()) return false;
  const Incoming taken = std::move(next()->second);
  incoming_.erase(next());
  ++next_read_;
  lock.unlock();
  const bool good = message->ParseFromArray(taken.body.data(), static_cast<int>(taken.body.size()));
  answer_stream(socket_, taken.request.rpc(), {}, {}, nullptr, false);
  if (!good) cancel();
  return good;
}

bool ServerStreamEnd::write(const MessageLite& message) {
  Lock lock(mutex_);
  if (!wait(lock, [&] { return pulls_.contains(next_write_); })) return false;
  const RpcHandle pull = pulls_[next_write_];
  pulls_.erase(next_write_);
  ++next_write_;
  lock.unlock();
  answer_stream(socket_, pull, {}, {}, &message, false);
  return true;
}

void ServerStreamEnd::finish(Status status) {
  const Lock lock(mutex_);
  final_ = std::move(status);
  for (const auto& [sequence, rpc] : pulls_) end_of(rpc);
  end_told_ = !pulls_.empty();
  pulls_.clear();
  for (const auto& [sequence, incoming] : incoming_) end_of(incoming.request.rpc());
  incoming_.clear();
}

void ServerStreamEnd::cancel() {
  const Lock lock(mutex_);
  cancelled_ = true;
  changed_.notify_all();
}

bool ServerStreamEnd::is_cancelled() {
  const Lock lock(mutex_);
  return !alive();
}

bool ServerStreamEnd::over() {
  const Lock lock(mutex_);
  return final_ && (end_told_ || Clock::now() - heard_ >= kSilenceMax);
}

void ServerStreamEnd::take(const RequestHeader& header, Message request) {
  const Lock lock(mutex_);
  const RpcHandle rpc = request.rpc();
  heard_ = Clock::now();
  if (final_) {
    end_of(rpc);
    end_told_ = end_told_ || header.kind == Kind::kPull;
    return;
  }
  const bool pulls = header.kind == Kind::kPull;
  const std::uint32_t next = pulls ? next_write_ : next_read_;
  const bool known = pulls ? pulls_.contains(header.sequence) : incoming_.contains(header.sequence);
  if (known || !in_window(header.sequence, next)) {
    return answer_stream(socket_, rpc, refused(StatusCode::kInternal, "outside of the window"), {},
                         nullptr, false);
  }
  if (pulls) {
    pulls_[header.sequence] = rpc;
  } else if (header.kind == Kind::kWrite) {
    incoming_[header.sequence] = {std::move(request), header.body};
  } else {
    messages_ = header.sequence;
    answer_stream(socket_, rpc, {}, {}, nullptr, false);
  }
  changed_.notify_all();
}

// --- All of them ---

void StreamTable::take(const RequestHeader& header, Message request, const Handle* handle,
                       std::function<void(const Status&)> ended) {
  const Key key{request.peer(), header.stream};
  std::shared_ptr<ServerStreamEnd> stream;
  {
    const std::lock_guard lock(mutex_);
    const auto found = streams_.find(key);
    if (found != streams_.end()) stream = found->second.stream;
  }
  const bool opens = header.kind == Kind::kOpen;
  if (opens && handle != nullptr && stream == nullptr) {
    return open(header, std::move(request), *handle, std::move(ended));
  }
  if (!opens && stream != nullptr) return stream->take(header, std::move(request));
  const Status status = !opens              ? refused(StatusCode::kCancelled, "no such stream")
                        : handle == nullptr ? refused(StatusCode::kUnimplemented,
                                                      "the server has no such method with streams")
                                            : refused(StatusCode::kInternal, "it is open already");
  answer_stream(socket_, request.rpc(), status, {}, nullptr, !opens);
}

void StreamTable::open(const RequestHeader& header, Message request, const Handle& handle,
                       std::function<void(const Status&)> ended) {
  const RpcHandle rpc = request.rpc();
  const Key key{request.peer(), header.stream};
  Status status;
  {
    const std::lock_guard lock(mutex_);
    remove_over();
    if (streams_.size() >= streams_max_) {
      status = refused(StatusCode::kResourceExhausted,
                       "the server has as many streams as it takes (streams_max)");
    } else {
      auto stream = std::make_shared<ServerStreamEnd>(socket_, std::move(request), header.metadata);
      if (header.timeout.count() > 0) stream->set_deadline(Clock::now() + header.timeout);
      try {
        std::thread thread([stream, handle, ended = std::move(ended)] {
          const Status handled = handle(stream->context(), *stream);
          const Status final = at_deadline(stream->context().deadline(), handled);
          ended(final);
          stream->finish(final);
        });
        streams_.emplace(key, Running{std::move(stream), std::move(thread)});
      } catch (const std::system_error&) {
        status = refused(StatusCode::kResourceExhausted, "the server has no thread for a stream");
      }
    }
  }
  answer_stream(socket_, rpc, status, {}, nullptr, false);
}

void StreamTable::remove_over() {
  for (auto at = streams_.begin(); at != streams_.end();) {
    if (!at->second.stream->over()) {
      ++at;
      continue;
    }
    at->second.thread.join();  // its handler has ended
    at = streams_.erase(at);
  }
}

void StreamTable::end() {
  const std::lock_guard lock(mutex_);
  for (auto& [key, running] : streams_) running.stream->cancel();
  for (auto& [key, running] : streams_) running.thread.join();
  streams_.clear();
}

}  // namespace homa::rpc
