#include "preload/failure.h"

#include <cerrno>

namespace homa::preload {

int errno_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::kOk: return 0;
    case ErrorCode::kTimeout:
    case ErrorCode::kPeerRestarted:
    case ErrorCode::kPeerSilent:
    case ErrorCode::kEngineLost:
    case ErrorCode::kTooSlow:
    case ErrorCode::kStale: return ETIMEDOUT;
    case ErrorCode::kNoSuchSocket:
    case ErrorCode::kNotAServer:
    case ErrorCode::kDraining: return ENOTCONN;
    case ErrorCode::kPeerUnreachable:
    case ErrorCode::kPeerGone: return EHOSTUNREACH;
    case ErrorCode::kCancelled: return ECANCELED;
    case ErrorCode::kOverloaded:
    case ErrorCode::kNoMemory: return ENOMEM;
    case ErrorCode::kTooLong:
    case ErrorCode::kInvalidArgument:
    case ErrorCode::kNoSuchRpc: return EINVAL;
    case ErrorCode::kWouldBlock: return EAGAIN;
    case ErrorCode::kClosed:
    case ErrorCode::kWrongProcess: return ESHUTDOWN;
    case ErrorCode::kInUse: return EADDRINUSE;
    case ErrorCode::kNotPermitted: return EPERM;
    case ErrorCode::kSystem: return EIO;
  }
  return EIO;
}

}  // namespace homa::preload
