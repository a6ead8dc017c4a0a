#include "homa/rpc/status.h"

namespace homa::rpc {

std::string_view to_string(StatusCode code) {
  switch (code) {
    case StatusCode::kOk: return "OK";
    case StatusCode::kCancelled: return "CANCELLED";
    case StatusCode::kUnknown: return "UNKNOWN";
    case StatusCode::kInvalidArgument: return "INVALID_ARGUMENT";
    case StatusCode::kDeadlineExceeded: return "DEADLINE_EXCEEDED";
    case StatusCode::kNotFound: return "NOT_FOUND";
    case StatusCode::kAlreadyExists: return "ALREADY_EXISTS";
    case StatusCode::kPermissionDenied: return "PERMISSION_DENIED";
    case StatusCode::kResourceExhausted: return "RESOURCE_EXHAUSTED";
    case StatusCode::kFailedPrecondition: return "FAILED_PRECONDITION";
    case StatusCode::kAborted: return "ABORTED";
    case StatusCode::kOutOfRange: return "OUT_OF_RANGE";
    case StatusCode::kUnimplemented: return "UNIMPLEMENTED";
    case StatusCode::kInternal: return "INTERNAL";
    case StatusCode::kUnavailable: return "UNAVAILABLE";
    case StatusCode::kDataLoss: return "DATA_LOSS";
    case StatusCode::kUnauthenticated: return "UNAUTHENTICATED";
  }
  return "UNKNOWN";
}

namespace {

// What a gRPC client would see (docs/rpc.md#when-the-transport-ends-a-call).
StatusCode code_of(ErrorCode error) {
  switch (error) {
    case ErrorCode::kOk: return StatusCode::kOk;
    case ErrorCode::kTimeout: return StatusCode::kDeadlineExceeded;
    case ErrorCode::kCancelled: return StatusCode::kCancelled;
    case ErrorCode::kNoSuchSocket:
    case ErrorCode::kPeerUnreachable:
    case ErrorCode::kPeerRestarted:
    case ErrorCode::kPeerSilent:
    case ErrorCode::kPeerGone:
    case ErrorCode::kNotAServer:
    case ErrorCode::kStale:
    case ErrorCode::kTooSlow:
    case ErrorCode::kDraining:
    case ErrorCode::kEngineLost:
    case ErrorCode::kClosed: return StatusCode::kUnavailable;
    case ErrorCode::kOverloaded:
    case ErrorCode::kNoMemory:
    case ErrorCode::kWouldBlock:
    case ErrorCode::kTooLong: return StatusCode::kResourceExhausted;
    case ErrorCode::kInvalidArgument: return StatusCode::kInvalidArgument;
    case ErrorCode::kNotPermitted: return StatusCode::kPermissionDenied;
    case ErrorCode::kNoSuchRpc:
    case ErrorCode::kInUse:
    case ErrorCode::kWrongProcess:
    case ErrorCode::kSystem: return StatusCode::kInternal;
  }
  return StatusCode::kUnknown;
}

}  // namespace

Status Status::of(const Error& error) {
  Status status(code_of(error.code), error.text);
  status.set_executed(error.executed);
  return status;
}

}  // namespace homa::rpc
