#include "core/relief.h"

#include <algorithm>

namespace homa::core {
namespace {

constexpr std::uint32_t kIdleLooks = 512;  // at RPCs, for the one that is idle longest

// What would be dropped of the RPC: a message that has a buffer and has not arrived yet, or one of
// which the peer has not granted more.
bool arrives(const Rpc& rpc) {
  return rpc.state == Rpc::State::kReceiving && rpc.buffer.held && !rpc.in.complete();
}
bool waits_for_grants(const Rpc& rpc) {
  return rpc.out.started() && !rpc.out.all_sent() && !rpc.out.waits_for_us();
}

}  // namespace

void Relief::relieve(Time now) {
  if (!state_.accounts.pressure().drop_due(now)) return;
  if (Rpc* const rpc = idlest(true)) {
    trace::add(state_.counters.pressure_incoming_dropped);
    ++rpc->port->account->memory.remedies.incoming_dropped;
    strangers_.tell_end(now, *rpc, rpc->is_client ? ErrorCode::kCancelled : ErrorCode::kOverloaded);
    lifetimes_.fail(now, *rpc, ErrorCode::kNoMemory, true);
  } else if (Rpc* const sender = idlest(false)) {
    trace::add(state_.counters.pressure_outgoing_dropped);
    ++sender->port->account->memory.remedies.outgoing_dropped;
    strangers_.tell_end(now, *sender,
                        sender->is_client ? ErrorCode::kCancelled : ErrorCode::kOverloaded);
    lifetimes_.fail(now, *sender, ErrorCode::kNoMemory, true);
  } else {
    return state_.accounts.pressure().found_none();
  }
  ++state_.remedies;
}

// The longest idle one, among those that come next in the table, of accounts that are beyond their
// guarantee.
Rpc* Relief::idlest(bool incoming) {
  Rpc* found = nullptr;
  if (idlest_slot_ >= state_.rpcs.slots()) idlest_slot_ = 0;
  const std::uint32_t first = idlest_slot_;
  const std::uint32_t looks = std::min(kIdleLooks, state_.rpcs.slots());
  const auto idle_since = [&](const Rpc& rpc) {
    return incoming ? rpc.silence.last_heard : rpc.out.last_sent();
  };
  const auto look = [&](Rpc& rpc) {
    if (rpc.port->account->memory.share.beyond() == 0) return;
    if (!(incoming ? arrives(rpc) : waits_for_grants(rpc))) return;
    if (found == nullptr || idle_since(rpc) < idle_since(*found)) found = &rpc;
  };
  const std::uint32_t end = std::min(state_.rpcs.slots(), first + looks);
  state_.rpcs.for_each_of(first, end, look);
  state_.rpcs.for_each_of(0, looks - (end - first), look);
  if (found == nullptr) idlest_slot_ = first + looks;
  return found;
}

}  // namespace homa::core
