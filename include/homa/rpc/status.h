// How a call ended: the status codes of gRPC, so that services mean the same by them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "homa/error.h"

namespace homa::rpc {

// Numbers are gRPC's, and part of the wire (docs/rpc.md#responses).
enum class StatusCode : std::uint8_t {
  kOk = 0,
  kCancelled = 1,
  kUnknown = 2,
  kInvalidArgument = 3,
  kDeadlineExceeded = 4,
  kNotFound = 5,
  kAlreadyExists = 6,
  kPermissionDenied = 7,
  kResourceExhausted = 8,
  kFailedPrecondition = 9,
  kAborted = 10,
  kOutOfRange = 11,
  kUnimplemented = 12,
  kInternal = 13,
  kUnavailable = 14,
  kDataLoss = 15,
  kUnauthenticated = 16,
};

// "OK", "CANCELLED", ...: gRPC's words. "UNKNOWN" for what is no code.
std::string_view to_string(StatusCode code);

class [[nodiscard]] Status {
 public:
  Status() = default;  // kOk
  Status(StatusCode code, std::string message, std::string details = {})
      : code_(code), message_(std::move(message)), details_(std::move(details)) {}
  // Of a call that the transport ended: the code that a gRPC client would see, the sentence of the
  // error, and whether the handler ran.
  static Status of(const Error& error);

  bool ok() const { return code_ == StatusCode::kOk; }
  StatusCode code() const { return code_; }
  const std::string& message() const { return message_; }
  const std::string& details() const { return details_; }  // bytes, of the application's choice
  // Whether the server's handler ran. kYes for every status that came from a handler.
  Executed executed() const { return executed_; }
  void set_executed(Executed executed) { executed_ = executed; }

 private:
  StatusCode code_ = StatusCode::kOk;
  Executed executed_ = Executed::kYes;
  std::string message_, details_;
};

}  // namespace homa::rpc
