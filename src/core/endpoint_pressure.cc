// The memory of all accounts together is short: what MemoryPressure decides is done here
// (docs/protocol.md#pressure).
#include <algorithm>

#include "core/endpoint_impl.h"

namespace homa::core {
namespace {

constexpr std::uint32_t kIdleLooks = 512;   // at RPCs, for the one that is idle longest
constexpr std::size_t kAccountsAtOnce = 8;  // that get another chance

// What would be dropped of the RPC: a message that has a buffer and has not arrived yet, or one of
// which the peer has not granted more.
bool arrives(const Rpc& rpc) {
  return rpc.state == Rpc::State::kReceiving && rpc.buffer.held && !rpc.in.complete();
}
bool waits_for_grants(const Rpc& rpc) {
  return rpc.out.started() && !rpc.out.all_sent() && !rpc.out.waits_for_us();
}

}  // namespace

// There was no room for the message. If that is not its account's own matter, its sender hears so.
void Endpoint::Impl::waits_for_memory(Time now, Rpc& rpc) {
  Account& account = *rpc.port->account;
  rpc.waiting_since = now;
  if (!rpc.is_client) timers_.arm(now, rpc.timer, now + config_.buffer_wait_max);
  if (accounts_.pressure().quota().unlimited()) return;
  accounts_.note_waiting(account);
  if (accounts_.pressure().level() == PressureLevel::kNone) return;
  trace::add(counters_.pressure_held);
  ++account.memory.remedies.messages_held;
  ++remedies_;
  say_busy(now, rpc, rpc.way());
}

bool Endpoint::Impl::may_send(Account& account, std::uint32_t length) {
  if (accounts_.pressure().may_send(account.memory, length)) return true;
  trace::add(counters_.pressure_sends_refused);
  ++account.memory.remedies.sends_refused;
  ++remedies_;
  return false;
}

// All accounts of which messages wait get a chance, some of them at a time.
void Endpoint::Impl::serve_waiting_accounts(Time now) {
  if (accounts_.pressure().retry()) accounts_to_serve_ = accounts_.waiting();
  for (std::size_t i = 0; i < kAccountsAtOnce && accounts_to_serve_ > 0; ++i) {
    --accounts_to_serve_;
    Account* const account = accounts_.next_waiting();
    if (account == nullptr) {
      accounts_to_serve_ = 0;
    } else {
      serve_waiting(now, account->pool);
    }
  }
}

void Endpoint::Impl::relieve(Time now) {
  if (!accounts_.pressure().drop_due(now)) return;
  if (Rpc* const rpc = idlest(true)) {
    trace::add(counters_.pressure_incoming_dropped);
    ++rpc->port->account->memory.remedies.incoming_dropped;
    tell_end(now, *rpc, rpc->is_client ? ErrorCode::kCancelled : ErrorCode::kOverloaded);
    fail(now, *rpc, ErrorCode::kNoMemory, true);
  } else if (Rpc* const sender = idlest(false)) {
    trace::add(counters_.pressure_outgoing_dropped);
    ++sender->port->account->memory.remedies.outgoing_dropped;
    tell_end(now, *sender, sender->is_client ? ErrorCode::kCancelled : ErrorCode::kOverloaded);
    fail(now, *sender, ErrorCode::kNoMemory, true);
  } else {
    return accounts_.pressure().found_none();
  }
  ++remedies_;
}

// The longest idle one, among those that come next in the table, of accounts that are beyond their
// guarantee.
Rpc* Endpoint::Impl::idlest(bool incoming) {
  Rpc* found = nullptr;
  if (idlest_slot_ >= rpcs_.slots()) idlest_slot_ = 0;
  const std::uint32_t first = idlest_slot_;
  const std::uint32_t looks = std::min(kIdleLooks, rpcs_.slots());
  const auto idle_since = [&](const Rpc& rpc) {
    return incoming ? rpc.silence.last_heard : rpc.out.last_sent();
  };
  const auto look = [&](Rpc& rpc) {
    if (rpc.port->account->memory.share.beyond() == 0) return;
    if (!(incoming ? arrives(rpc) : waits_for_grants(rpc))) return;
    if (found == nullptr || idle_since(rpc) < idle_since(*found)) found = &rpc;
  };
  const std::uint32_t end = std::min(rpcs_.slots(), first + looks);
  rpcs_.for_each_of(first, end, look);
  rpcs_.for_each_of(0, looks - (end - first), look);
  if (found == nullptr) idlest_slot_ = first + looks;
  return found;
}

}  // namespace homa::core
