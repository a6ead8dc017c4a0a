#include "rpc/outgoing.h"

#include <algorithm>
#include <string>

#include "base/failure.h"

namespace homa::rpc {

Timeout time_left(const ClientContext& context) {
  if (!context.deadline()) return std::nullopt;
  return std::max<std::chrono::nanoseconds>(*context.deadline() - Clock::now(),
                                            std::chrono::nanoseconds::zero());
}

std::chrono::microseconds timeout_of(const ClientContext& context) {
  const auto left = time_left(context);
  if (!left) return std::chrono::microseconds(0);
  return std::max(std::chrono::ceil<std::chrono::microseconds>(*left),
                  std::chrono::microseconds(1));
}

Result<PreparedMessage, Error> prepare_request(Socket& socket, const RequestHeader& header,
                                               const Metadata& metadata,
                                               const google::protobuf::MessageLite* body) {
  constexpr std::size_t kBodyBytesMax = 0x7fffffff;  // more cannot be serialized
  const std::size_t front = request_bytes(header.kind, metadata);
  const std::size_t bytes = body == nullptr ? 0 : body->ByteSizeLong();
  if (bytes > kBodyBytesMax) return failure(ErrorCode::kTooLong, "the request is too long");
  auto message = socket.prepare(front + bytes);
  if (!message) return message;
  write_request(message->bytes(), header, metadata);
  if (body != nullptr) {
    body->SerializeWithCachedSizesToArray(
        reinterpret_cast<std::uint8_t*>(message->bytes().data() + front));
  }
  return message;
}

Status status_of(const ResponseHeader& header) {
  if (header.code == StatusCode::kOk) return {};
  Status status(header.code, std::string(header.message), std::string(header.details));
  status.set_executed(header.executed ? Executed::kYes : Executed::kNo);
  return status;
}

}  // namespace homa::rpc
