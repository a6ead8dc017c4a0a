#include "rpc/client_stream.h"

#include <algorithm>
#include <string>
#include <utility>

#include "base/failure.h"
#include "rpc/outgoing.h"

namespace homa::rpc {

using google::protobuf::MessageLite;

ClientStreamEnd::ClientStreamEnd(std::shared_ptr<void> channel, Socket& socket,
                                 const SocketAddress& server, const Method& method,
                                 ClientContext& context, std::uint64_t id)
    : channel_(std::move(channel)),
      socket_(socket),
      server_(server),
      method_(method),
      context_(context),
      id_(id) {}

ClientStreamEnd::~ClientStreamEnd() {
  stop_.reset();
  cancel();
}

Result<RpcHandle, Error> ClientStreamEnd::send(Kind kind, std::uint32_t sequence,
                                               const MessageLite* message) {
  const Metadata none;
  RequestHeader header;
  header.kind = kind;
  header.method = method_.id;
  header.timeout = timeout_of(context_);
  header.stream = id_;
  header.sequence = sequence;
  auto request =
      prepare_request(socket_, header, kind == Kind::kOpen ? context_.metadata() : none, message);
  if (!request) return Unexpected(request.error());
  SendOptions options;
  options.is_private = true;
  return socket_.send(server_, std::move(request).value(), options);
}

ClientStreamEnd::Answer ClientStreamEnd::wait_for(RpcHandle rpc) {
  Answer answer;
  auto message = socket_.receive_response(rpc, time_left(context_));
  if (message && message->kind() == Message::Kind::kFailure) {
    message = Unexpected(message->failure());
  }
  if (!message) {
    Error error = message.error();
    if (error.code == ErrorCode::kWouldBlock) {
      static_cast<void>(socket_.abort(rpc).has_value());
      error = {ErrorCode::kTimeout, "the deadline has passed", Executed::kPerhaps};
    }
    answer.status = Status::of(error);
    answer.ended = true;
    return answer;
  }
  const auto header = parse_response(message->bytes());
  if (!header) {
    answer.status = {StatusCode::kInternal, "the server's answer is no answer of a stream"};
    answer.ended = true;
    return answer;
  }
  answer.ended = header->end_of_stream || header->code != StatusCode::kOk;
  if (answer.ended) context_.response_metadata_ = decode_metadata(header->metadata);
  answer.status = status_of(*header);
  answer.body = header->body;
  answer.message = std::move(message).value();
  return answer;
}

Status ClientStreamEnd::open() {
  const auto rpc = send(Kind::kOpen, 0, nullptr);
  Status status = rpc ? wait_for(*rpc).status : Status::of(rpc.error());
  if (!status.ok()) {
    end(status);
    return status;
  }
  context_.peer_ = server_;
  for (std::size_t i = 0; i < kStreamWindow && pull(); ++i) continue;
  if (context_.stop().stop_possible()) stop_.emplace(context_.stop(), Cancel{this});
  return {};
}

// Asks for one more message. False: the stream has ended.
bool ClientStreamEnd::pull() {
  const auto rpc = send(Kind::kPull, pulled_++, nullptr);
  if (!rpc) {
    end(Status::of(rpc.error()));
    return false;
  }
  const Lock lock(mutex_);
  if (final_) {  // ended meanwhile, by another thread
    static_cast<void>(socket_.abort(*rpc).has_value());
    return false;
  }
  pulls_.push_back(*rpc);
  return true;
}

// The stream has ended; what it still had in progress ends, too. The first status counts.
void ClientStreamEnd::end(Status status) {
  std::deque<RpcHandle> left;
  {
    const Lock lock(mutex_);
    if (final_) return;
    final_ = std::move(status);
    left.swap(pulls_);
    left.insert(left.end(), writes_.begin(), writes_.end());
    writes_.clear();
  }
  // A thread that waits for one of them returns.
  for (const RpcHandle rpc : left) static_cast<void>(socket_.abort(rpc).has_value());
}

bool ClientStreamEnd::write_step(Kind kind, const MessageLite* message) {
  if (done_writing_ || ended()) return false;
  RpcHandle oldest = 0;
  {
    const Lock lock(mutex_);
    if (writes_.size() >= kStreamWindow) oldest = writes_.front();
  }
  if (oldest != 0) {
    const Answer answer = wait_for(oldest);
    const Lock lock(mutex_);
    if (final_) return false;
    writes_.pop_front();
    // The reader learns from the server how the stream ended.
    if (answer.ended) done_writing_ = true;
    if (done_writing_) return false;
  }
  const auto rpc = send(kind, written_, message);
  if (!rpc) {
    end(Status::of(rpc.error()));
    return false;
  }
  ++written_;
  const Lock lock(mutex_);
  if (final_) {
    static_cast<void>(socket_.abort(*rpc).has_value());
    return false;
  }
  writes_.push_back(*rpc);
  return true;
}

bool ClientStreamEnd::write(const MessageLite& message) {
  return write_step(Kind::kWrite, &message);
}

bool ClientStreamEnd::writes_done() {
  const bool told = write_step(Kind::kWritesDone, nullptr);
  done_writing_ = true;
  return told;
}

bool ClientStreamEnd::read(MessageLite* message) {
  RpcHandle next = 0;
  {
    const Lock lock(mutex_);
    if (final_ || pulls_.empty()) return false;
    next = pulls_.front();
  }
  Answer answer = wait_for(next);
  {
    const Lock lock(mutex_);
    if (final_) return false;
    pulls_.pop_front();
  }
  if (answer.ended) {
    end(std::move(answer.status));
    return false;
  }
  pull();
  if (message == nullptr ||
      message->ParseFromArray(answer.body.data(), static_cast<int>(answer.body.size()))) {
    return true;
  }
  end({StatusCode::kInternal, "the server's message is no " + message->GetTypeName()});
  return false;
}

Status ClientStreamEnd::finish() {
  writes_done();
  while (read(nullptr)) continue;
  const Lock lock(mutex_);
  return final_.value_or(Status(StatusCode::kInternal, "the stream was not opened"));
}

void ClientStreamEnd::cancel() {
  // The server learns it by the RPCs that end.
  end({StatusCode::kCancelled, "the client cancelled the stream"});
}

}  // namespace homa::rpc
