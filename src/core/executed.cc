#include "core/executed.h"

namespace homa::core {

Executed executed_at_server(const Rpc& rpc) {
  if (rpc.state == Rpc::State::kReplying) return Executed::kYes;
  return rpc.state == Rpc::State::kServing ? Executed::kPerhaps : Executed::kNo;
}

Executed executed_if_refused(ErrorCode why) {
  const bool may_have_run = why == ErrorCode::kStale || why == ErrorCode::kCancelled;
  return may_have_run ? Executed::kPerhaps : Executed::kNo;
}

Executed executed_at_client(const Rpc& rpc, ErrorCode why) {
  // A response arrived in part, or was longer than we take.
  if (rpc.state == Rpc::State::kReceiving) return Executed::kYes;
  if (why == ErrorCode::kTooLong && rpc.peer_says != Executed::kNo) return Executed::kYes;
  // A server executes whole requests only.
  if (!rpc.out.all_sent()) return Executed::kNo;
  return rpc.peer_says;
}

}  // namespace homa::core
