#include "homa/error.h"

namespace homa {

std::string_view to_string(ErrorCode code) {
  switch (code) {
    case ErrorCode::kOk: return "ok";
    case ErrorCode::kTimeout: return "timeout";
    case ErrorCode::kNoSuchSocket: return "no such socket";
    case ErrorCode::kPeerUnreachable: return "peer unreachable";
    case ErrorCode::kPeerRestarted: return "peer restarted";
    case ErrorCode::kCancelled: return "cancelled";
    case ErrorCode::kOverloaded: return "overloaded";
    case ErrorCode::kNotAServer: return "not a server";
    case ErrorCode::kTooLong: return "message too long";
    case ErrorCode::kInvalidArgument: return "invalid argument";
    case ErrorCode::kNoSuchRpc: return "no such RPC";
    case ErrorCode::kWouldBlock: return "would block";
    case ErrorCode::kClosed: return "closed";
    case ErrorCode::kInUse: return "in use";
    case ErrorCode::kNoMemory: return "no memory";
    case ErrorCode::kNotPermitted: return "not permitted";
    case ErrorCode::kSystem: return "system error";
    case ErrorCode::kStale: return "stale request";
    case ErrorCode::kPeerSilent: return "peer silent";
    case ErrorCode::kPeerGone: return "peer gone";
    case ErrorCode::kWrongProcess: return "wrong process";
    case ErrorCode::kTooSlow: return "too slow";
    case ErrorCode::kEngineLost: return "engine lost";
    case ErrorCode::kDraining: return "draining";
  }
  return "unknown error";
}

std::string_view to_string(Executed executed) {
  switch (executed) {
    case Executed::kNo: return "not executed";
    case Executed::kPerhaps: return "perhaps executed";
    case Executed::kYes: return "executed";
  }
  return "perhaps executed";
}

}  // namespace homa
