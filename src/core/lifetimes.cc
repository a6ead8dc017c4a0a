#include "core/lifetimes.h"

#include <algorithm>

#include "base/check.h"

namespace homa::core {
namespace {

constexpr std::uint32_t kSlotsPerStep = 512;  // looked at for RPCs of closed ports, in one call
constexpr std::size_t kAccountsAtOnce = 8;    // that get another chance

}  // namespace

Lifetimes::Lifetimes(EndpointState& state, Transmitter& transmitter, Strangers& strangers)
    : state_(state), transmitter_(transmitter), strangers_(strangers) {}

Lifetimes::~Lifetimes() {
  state_.rpcs.for_each([this](Rpc& rpc) { end(state_.now, rpc); });
}

Result<AccountId, ErrorCode> Lifetimes::open_account(const AccountLimits& limits) {
  const Account* const account = state_.accounts.open(limits);
  if (account == nullptr) return Unexpected(ErrorCode::kNoMemory);
  return account->id;
}

void Lifetimes::close_account(Time now, AccountId id) {
  Account* account = state_.accounts.find(id);
  if (account == nullptr || account->closing || id == kDefaultAccount) return;
  account->closing = true;
  for (LocalPort& port : account->ports) {
    if (!port.closing) state_.admission.close(port);
  }
  if (account->ports.empty()) return state_.accounts.remove(*account);
  closing_slot_ = 0;
  close_step(now);
}

Result<Port, ErrorCode> Lifetimes::open_port(Port port, AccountId id) {
  Account* account = state_.accounts.find(id);
  if (account == nullptr || account->closing) return Unexpected(ErrorCode::kInvalidArgument);
  const auto opened = state_.admission.open(port, *account, state_.random);
  if (!opened) return Unexpected(opened.error());
  return (*opened)->number;
}

void Lifetimes::stop_accepting(Port port) {
  if (LocalPort* open = state_.admission.find(port)) open->draining = true;
}

void Lifetimes::announce_above(Port port, std::uint32_t bytes) {
  if (LocalPort* open = state_.admission.find(port)) open->announced_above = bytes;
}

void Lifetimes::close_port(Time now, Port port) {
  LocalPort* found = state_.admission.find(port);
  if (found == nullptr) return;
  state_.admission.close(*found);
  closing_slot_ = 0;
  close_step(now);
}

// Ends RPCs of closed ports in the next slots. A port that was closed meanwhile begins a new round.
void Lifetimes::close_step(Time now) {
  const std::uint32_t end = std::min(state_.rpcs.slots(), closing_slot_ + kSlotsPerStep);
  state_.rpcs.for_each_of(closing_slot_, end, [&](Rpc& rpc) {
    if (rpc.port->closing) end_closed(now, rpc);
  });
  closing_slot_ = end;
  if (end < state_.rpcs.slots()) return;
  while (LocalPort* port = state_.admission.closing()) {
    Account& account = *port->account;
    state_.admission.remove_closing();
    if (account.closing && account.ports.empty()) state_.accounts.remove(account);
  }
}

void Lifetimes::end_closed(Time now, Rpc& rpc) {
  // Its application may have begun to work on a request that it has received.
  const bool refused = !rpc.is_client && rpc.state == Rpc::State::kReceiving;
  strangers_.tell_end(now, rpc, refused ? ErrorCode::kNoSuchSocket : ErrorCode::kCancelled);
  end(now, rpc);
}

Peer* Lifetimes::new_peer(Time now, Identity identity, const Address& address) {
  std::uint32_t collected = 0;
  Peer* peer = state_.peers.add(now, identity, address, collected);
  if (collected > 0) trace::add(state_.counters.peers_collected, collected);
  if (peer != nullptr) trace::add(state_.counters.peers_created);
  return peer;
}

Result<RpcId, ErrorCode> Lifetimes::start(Time now, const Request& request) {
  LocalPort* port = state_.admission.find(request.client_port);
  if (request.length == 0 || raw(request.server_port) == 0 || is_client_port(request.server_port) ||
      port == nullptr) {
    return Unexpected(ErrorCode::kInvalidArgument);
  }
  if (request.length > state_.config.message_bytes_max) return Unexpected(ErrorCode::kTooLong);
  Account& account = *port->account;
  if (!state_.accounts.has_rpc_slot(account) || !may_send(account, request.length)) {
    return Unexpected(ErrorCode::kNoMemory);
  }
  Peer* peer = state_.peers.at(request.server);
  if (peer == nullptr) peer = new_peer(now, kNoIdentity, request.server);
  if (peer == nullptr) return Unexpected(ErrorCode::kNoMemory);
  if (request.length > peer->longest_message()) return Unexpected(ErrorCode::kTooLong);
  state_.peers.touch(now, *peer);
  Rpc* rpc =
      state_.events.reserve_for(state_.rpcs.size() + 1) ? state_.rpcs.add_client(*peer) : nullptr;
  if (rpc == nullptr) return Unexpected(ErrorCode::kNoMemory);
  state_.accounts.rpc_began(account);
  rpc->began = now;
  rpc->short_call = request.length < state_.config.defer_bytes_min;
  if (rpc->short_call) ++short_calls_;
  rpc->port = port;
  rpc->local_port = port->number;
  rpc->peer_port = request.server_port;
  rpc->peer_identity = peer->proved ? peer->identity : kNoIdentity;
  rpc->cookie = request.cookie;
  rpc->silence.last_heard = now;
  transmitter_.start_message(*rpc, request.length, request.transmit_token, request.pending);
  state_.arm(now, *rpc);
  trace::add(state_.counters.requests_sent);
  state_.trace(now, trace::EventType::rpc_started, *rpc, request.length, raw(request.server_port));
  return rpc->id;
}

Result<void, ErrorCode> Lifetimes::supply(Time now, RpcId id, std::uint32_t bytes) {
  Rpc* rpc = state_.rpcs.find(id);
  if (rpc == nullptr) return Unexpected(ErrorCode::kNoSuchRpc);
  if (!rpc->out.started()) return Unexpected(ErrorCode::kInvalidArgument);
  state_.now = now;
  if (rpc->out.supply(bytes)) rpc->out.link->queue.update(rpc->out);
  return {};
}

Result<void, ErrorCode> Lifetimes::reply(Time now, RpcId id, std::uint32_t length,
                                         TransmitToken token, std::uint32_t pending) {
  Rpc* rpc = state_.rpcs.find(id);
  if (rpc == nullptr || rpc->is_client) return Unexpected(ErrorCode::kNoSuchRpc);
  if (rpc->state != Rpc::State::kServing || length == 0) {
    return Unexpected(ErrorCode::kInvalidArgument);
  }
  if (length > state_.config.message_bytes_max) return Unexpected(ErrorCode::kTooLong);
  const auto refuse = [&](ErrorCode told, ErrorCode why) {
    strangers_.tell_end(now, *rpc, told);
    fail(now, *rpc, why, true);
    return Unexpected(why);
  };
  if (length > rpc->peer->longest_message()) {
    return refuse(ErrorCode::kTooLong, ErrorCode::kTooLong);
  }
  if (!may_send(*rpc->port->account, length)) {
    return refuse(ErrorCode::kOverloaded, ErrorCode::kNoMemory);
  }
  rpc->state = Rpc::State::kReplying;
  rpc->silence.restart(now);
  transmitter_.start_message(*rpc, length, token, pending);
  if (rpc->of_stranger) strangers_.limit_response(now, *rpc);
  state_.timers.arm(now, rpc->timer, now + state_.silence.ticks(state_.config.request_ack_ticks));
  trace::add(state_.counters.responses_sent);
  state_.trace(now, trace::EventType::reply_started, *rpc, length, 0);
  return {};
}

Result<void, ErrorCode> Lifetimes::abort(Time now, RpcId id, ErrorCode code, bool report) {
  Rpc* rpc = state_.rpcs.find(id);
  if (rpc == nullptr) return Unexpected(ErrorCode::kNoSuchRpc);
  if (code != ErrorCode::kOk) strangers_.tell_end(now, *rpc, code);
  fail(now, *rpc, code, report);
  return {};
}

void Lifetimes::acked(Time now, Peer& peer, const wire::Ack& ack) {
  Rpc* rpc = state_.rpcs.find_served(peer, ack.client_id, ack.server_port);
  if (rpc == nullptr || rpc->state != Rpc::State::kReplying) return;
  transmitter_.sent_whole(*rpc);
  end(now, *rpc);
}

void Lifetimes::fail(Time now, Rpc& rpc, ErrorCode code, bool report) {
  trace::add(rpc.is_client ? state_.counters.rpcs_failed : state_.counters.served_aborted);
  if (code == ErrorCode::kPeerSilent) trace::add(state_.counters.rpcs_timed_out);
  state_.trace(now, trace::EventType::rpc_failed, rpc, raw(code), 0);
  if (report && (rpc.is_client || rpc.state == Rpc::State::kServing)) {
    state_.events.failed(rpc, code);
  }
  end(now, rpc);
}

void Lifetimes::end(Time now, Rpc& rpc) {
  state_.trace(now, trace::EventType::rpc_ended, rpc, 0, 0);
  if (rpc.out.started()) rpc.out.link->queue.remove(rpc.out);
  state_.grants.remove(rpc.grant);
  state_.timers.disarm(rpc.timer);
  rpc.unwatch();
  rpc.peer->questions.line.leave(rpc.turn_place);
  Account& account = *rpc.port->account;
  if (rpc.out.started()) {
    state_.events.transmit_done(rpc);
    state_.accounts.pressure().sent(account.memory, rpc.out.length());
  }
  state_.accounts.rpc_ended(account);
  if (rpc.is_client) {
    if (rpc.short_call) --short_calls_;
  } else {
    const bool ran = rpc.state != Rpc::State::kReceiving;
    state_.admission.request_ended(*rpc.port, *rpc.peer, rpc.client_id, rpc.of_stranger, ran);
    if (rpc.of_stranger) strangers_.forget(rpc);
    if (!ran && rpc.head.announced()) state_.events.failed(rpc, ErrorCode::kCancelled);
  }
  if (rpc.head.shown()) account.pool.hand_over(rpc.buffer);
  account.pool.drop(rpc.buffer);
  state_.rpcs.remove(rpc);
  serve_if_waited(now, account.pool);
}

bool Lifetimes::release(Time now, AccountId id, BufferOffset buffer, std::uint32_t length) {
  Account* account = state_.accounts.find(id);
  if (account == nullptr || !account->pool.release(buffer, length)) return false;
  serve_if_waited(now, account->pool);
  return true;
}

// Memory was given back.
[[gnu::always_inline]] inline void Lifetimes::serve_if_waited(Time now, BufferPool& pool) {
  if (pool.waiting()) [[unlikely]]
    serve_waiting(now, pool);
  if (state_.accounts.pressure().wants_retry()) [[unlikely]]
    serve_waiting_accounts(now);
}

// What its sender sent unasked was dropped meanwhile: it is granted and asked for again, so that
// messages that found room at once do not starve it (docs/protocol.md#grants).
void Lifetimes::serve_waiting(Time now, BufferPool& pool) {
  while (const MessageBuffer* served = pool.serve_waiting()) {
    Rpc& rpc = *served->rpc;
    rpc.silence.restart(now);
    state_.controls.resend(now, rpc, {0, rpc.grant.granted});
    has_buffer(now, rpc);
  }
}

void Lifetimes::has_buffer(Time now, Rpc& rpc) {
  rpc.progress.begin(now, rpc.peer->repairs.arrived_ever());
  state_.grants.add(rpc.grant);
  state_.arm(now, rpc);
}

// It had nothing to do but to wait for the application, so silence counts from now on.
void Lifetimes::grant_rest(Time now, Rpc& rpc) {
  rpc.silence.restart(now);
  rpc.progress.begin(now, rpc.peer->repairs.arrived_ever());
  state_.grants.let_go(rpc.grant);
  state_.arm(now, rpc);
}

void Lifetimes::give_memory(Time now, AccountId id, std::uint64_t receive_bytes) {
  Account* account = state_.accounts.find(id);
  HOMA_CHECK(account != nullptr);
  account->pool.give_memory(receive_bytes);
  account->memory.receive_capacity = receive_bytes;
  if (account->pool.waiting()) serve_waiting(now, account->pool);
}

// There was no room for the message. If that is not its account's own matter, its sender hears so.
void Lifetimes::waits_for_memory(Time now, Rpc& rpc) {
  Account& account = *rpc.port->account;
  rpc.waiting_since = now;
  if (!rpc.is_client) state_.timers.arm(now, rpc.timer, now + state_.config.buffer_wait_max);
  if (state_.accounts.pressure().quota().unlimited()) return;
  state_.accounts.note_waiting(account);
  if (state_.accounts.pressure().level() == PressureLevel::kNone) return;
  trace::add(state_.counters.pressure_held);
  ++account.memory.remedies.messages_held;
  ++state_.remedies;
  strangers_.say_busy(now, rpc, rpc.way());
}

bool Lifetimes::may_send(Account& account, std::uint32_t length) {
  if (state_.accounts.pressure().may_send(account.memory, length)) return true;
  trace::add(state_.counters.pressure_sends_refused);
  ++account.memory.remedies.sends_refused;
  ++state_.remedies;
  return false;
}

// All accounts of which messages wait get a chance, some of them at a time.
void Lifetimes::serve_waiting_accounts(Time now) {
  if (state_.accounts.pressure().retry()) accounts_to_serve_ = state_.accounts.waiting();
  for (std::size_t i = 0; i < kAccountsAtOnce && accounts_to_serve_ > 0; ++i) {
    --accounts_to_serve_;
    Account* const account = state_.accounts.next_waiting();
    if (account == nullptr) {
      accounts_to_serve_ = 0;
    } else {
      serve_waiting(now, account->pool);
    }
  }
}

RpcInfo Lifetimes::info(const Rpc& rpc) const {
  RpcInfo info;
  info.id = rpc.id;
  info.cookie = rpc.cookie;
  info.began = rpc.began;
  info.wire_id = rpc.client_id;
  info.peer = rpc.peer->address;
  info.local_port = rpc.local_port;
  info.peer_port = rpc.peer_port;
  switch (rpc.state) {
    case Rpc::State::kFree:
    case Rpc::State::kCalling:
      info.state = rpc.out.all_sent() ? RpcInfo::State::kWaiting : RpcInfo::State::kSending;
      break;
    case Rpc::State::kReceiving: info.state = RpcInfo::State::kReceiving; break;
    case Rpc::State::kServing: info.state = RpcInfo::State::kServing; break;
    case Rpc::State::kReplying: info.state = RpcInfo::State::kReplying; break;
  }
  info.send_length = rpc.out.length();
  info.sent = rpc.out.sent();
  info.send_granted = rpc.out.granted();
  info.receive_length = rpc.in.length();
  info.received = rpc.in.received();
  info.receive_granted = rpc.in.started() ? rpc.grant.granted : 0;
  info.gaps = static_cast<std::uint32_t>(rpc.in.gaps().size());
  info.silent_ticks =
      static_cast<std::uint32_t>((state_.now - rpc.silence.last_heard) / state_.config.tick);
  return info;
}

}  // namespace homa::core
