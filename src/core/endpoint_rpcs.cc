// The life of an RPC: how it starts, what it holds, how it ends.
#include <algorithm>

#include "base/check.h"
#include "core/endpoint_impl.h"

namespace homa::core {
namespace {

constexpr std::uint32_t kSlotsPerStep = 512;  // looked at for RPCs of closed ports, in one call

}  // namespace

Endpoint::Impl::Impl(const CoreConfig& config, std::uint64_t seed, trace::Recorder& recorder)
    : config_(config),
      recorder_(recorder),
      counters_(recorder.counters),
      random_(seed),
      peers_(config_, random_),
      rpcs_(config_.rpcs_max, random_() & kFirstIdMask, peers_.hash_key()),
      priorities_(config_.priorities, config_.cutoffs),
      grants_(config_, priorities_),
      uplinks_(config_),
      downlink_(config_),
      timers_(config_.tick),
      admission_(config_, peers_.hash_key()),
      accounts_(config_.receive_region_bytes, config_.message_bytes_max, config_.rpcs_max),
      controls_(recorder),
      silence_(config_) {}

// RPCs in progress leave the queues and sets of the leaves before those go.
Endpoint::Impl::~Impl() {
  rpcs_.for_each([this](Rpc& rpc) { end(last_now_, rpc); });
}

Result<AccountId, ErrorCode> Endpoint::Impl::open_account(const AccountLimits& limits) {
  const Account* const account = accounts_.open(limits);
  if (account == nullptr) return Unexpected(ErrorCode::kNoMemory);
  return account->id;
}

void Endpoint::Impl::give_memory(Time now, AccountId id, std::uint64_t receive_bytes) {
  Account* account = accounts_.find(id);
  HOMA_CHECK(account != nullptr);
  account->pool.give_memory(receive_bytes);
  account->memory.receive_capacity = receive_bytes;
  account->memory.receive_capacity = receive_bytes;
  if (account->pool.waiting()) serve_waiting(now, account->pool);
}

void Endpoint::Impl::close_account(Time now, AccountId id) {
  Account* account = accounts_.find(id);
  if (account == nullptr || account->closing || id == kDefaultAccount) return;
  account->closing = true;
  for (LocalPort& port : account->ports) {
    if (!port.closing) admission_.close(port);
  }
  if (account->ports.empty()) return accounts_.remove(*account);
  closing_slot_ = 0;
  close_step(now);
}

Result<Port, ErrorCode> Endpoint::Impl::open_port(Port port, AccountId id) {
  Account* account = accounts_.find(id);
  if (account == nullptr || account->closing) return Unexpected(ErrorCode::kInvalidArgument);
  const auto opened = admission_.open(port, *account, random_);
  if (!opened) return Unexpected(opened.error());
  return (*opened)->number;
}

void Endpoint::Impl::close_port(Time now, Port port) {
  LocalPort* found = admission_.find(port);
  if (found == nullptr) return;
  admission_.close(*found);
  closing_slot_ = 0;
  close_step(now);
}

// Ends RPCs of closed ports in the next slots. A port that was closed meanwhile begins a new round.
void Endpoint::Impl::close_step(Time now) {
  const std::uint32_t end = std::min(rpcs_.slots(), closing_slot_ + kSlotsPerStep);
  rpcs_.for_each_of(closing_slot_, end, [&](Rpc& rpc) {
    if (rpc.port->closing) end_closed(now, rpc);
  });
  closing_slot_ = end;
  if (end < rpcs_.slots()) return;
  while (LocalPort* port = admission_.closing()) {
    Account& account = *port->account;
    admission_.remove_closing();
    if (account.closing && account.ports.empty()) accounts_.remove(account);
  }
}

void Endpoint::Impl::end_closed(Time now, Rpc& rpc) {
  // Its application may have begun to work on a request that it has received.
  const bool refused = !rpc.is_client && rpc.state == Rpc::State::kReceiving;
  tell_end(now, rpc, refused ? ErrorCode::kNoSuchSocket : ErrorCode::kCancelled);
  end(now, rpc);
}

Peer* Endpoint::Impl::new_peer(Time now, Identity identity, const Address& address) {
  std::uint32_t collected = 0;
  Peer* peer = peers_.add(now, identity, address, collected);
  if (collected > 0) trace::add(counters_.peers_collected, collected);
  if (peer != nullptr) trace::add(counters_.peers_created);
  return peer;
}

Result<RpcId, ErrorCode> Endpoint::Impl::start(Time now, const Request& request) {
  LocalPort* port = admission_.find(request.client_port);
  if (request.length == 0 || raw(request.server_port) == 0 || is_client_port(request.server_port) ||
      port == nullptr) {
    return Unexpected(ErrorCode::kInvalidArgument);
  }
  if (request.length > config_.message_bytes_max) return Unexpected(ErrorCode::kTooLong);
  Account& account = *port->account;
  if (!accounts_.has_rpc_slot(account) || !may_send(account, request.length)) {
    return Unexpected(ErrorCode::kNoMemory);
  }
  Peer* peer = peers_.at(request.server);
  if (peer == nullptr) peer = new_peer(now, kNoIdentity, request.server);
  if (peer == nullptr) return Unexpected(ErrorCode::kNoMemory);
  peers_.touch(now, *peer);
  Rpc* rpc = events_.reserve_for(rpcs_.size() + 1) ? rpcs_.add_client(*peer) : nullptr;
  if (rpc == nullptr) return Unexpected(ErrorCode::kNoMemory);
  ++client_rpcs_;
  accounts_.rpc_began(account);
  rpc->short_call = request.length < config_.defer_bytes_min;
  if (rpc->short_call) ++short_calls_;
  rpc->began = now;
  rpc->port = port;
  rpc->local_port = port->number;
  rpc->peer_port = request.server_port;
  rpc->peer_identity = peer->proved ? peer->identity : kNoIdentity;
  rpc->cookie = request.cookie;
  rpc->silence.last_heard = now;
  start_out(*rpc, request.length, request.transmit_token, request.pending);
  arm(now, *rpc);
  trace::add(counters_.requests_sent);
  trace(now, trace::EventType::rpc_started, *rpc, request.length, raw(request.server_port));
  return rpc->id;
}

void Endpoint::Impl::start_out(Rpc& rpc, std::uint32_t length, TransmitToken token,
                               std::uint32_t pending) {
  std::uint32_t unscheduled = config_.unscheduled_bytes;
  if (rpc.response_limit != 0) unscheduled = std::min(unscheduled, rpc.response_limit);
  ask_path(*rpc.peer);
  rpc.out.start(length, unscheduled, token, ++ages_, rpc.peer->mtu.payload());
  rpc.out.hold_back(pending);
  accounts_.pressure().sends(rpc.port->account->memory, length);
  rpc.out.link = &link_of(*rpc.peer);
  rpc.out.link->queue.update(rpc.out);
}

Result<void, ErrorCode> Endpoint::Impl::supply(Time now, RpcId id, std::uint32_t bytes) {
  Rpc* rpc = rpcs_.find(id);
  if (rpc == nullptr) return Unexpected(ErrorCode::kNoSuchRpc);
  if (!rpc->out.started()) return Unexpected(ErrorCode::kInvalidArgument);
  last_now_ = now;
  if (rpc->out.supply(bytes)) rpc->out.link->queue.update(rpc->out);
  return {};
}

Result<void, ErrorCode> Endpoint::Impl::reply(Time now, RpcId id, std::uint32_t length,
                                              TransmitToken token, std::uint32_t pending) {
  Rpc* rpc = rpcs_.find(id);
  if (rpc == nullptr || rpc->is_client) return Unexpected(ErrorCode::kNoSuchRpc);
  if (rpc->state != Rpc::State::kServing || length == 0) {
    return Unexpected(ErrorCode::kInvalidArgument);
  }
  if (length > config_.message_bytes_max) return Unexpected(ErrorCode::kTooLong);
  if (!may_send(*rpc->port->account, length)) {
    tell_end(now, *rpc, ErrorCode::kOverloaded);
    fail(now, *rpc, ErrorCode::kNoMemory, true);
    return Unexpected(ErrorCode::kNoMemory);
  }
  rpc->state = Rpc::State::kReplying;
  rpc->silence.restart(now);
  start_out(*rpc, length, token, pending);
  if (rpc->of_stranger) limit_response(now, *rpc);
  timers_.arm(now, rpc->timer, now + silence_.ticks(config_.request_ack_ticks));
  trace::add(counters_.responses_sent);
  trace(now, trace::EventType::reply_started, *rpc, length, 0);
  return {};
}

Result<void, ErrorCode> Endpoint::Impl::abort(Time now, RpcId id, ErrorCode code, bool report) {
  Rpc* rpc = rpcs_.find(id);
  if (rpc == nullptr) return Unexpected(ErrorCode::kNoSuchRpc);
  if (code != ErrorCode::kOk) tell_end(now, *rpc, code);
  fail(now, *rpc, code, report);
  return {};
}

void Endpoint::Impl::fail(Time now, Rpc& rpc, ErrorCode code, bool report) {
  trace::add(rpc.is_client ? counters_.rpcs_failed : counters_.served_aborted);
  if (code == ErrorCode::kPeerSilent) trace::add(counters_.rpcs_timed_out);
  trace(now, trace::EventType::rpc_failed, rpc, raw(code), 0);
  if (report && (rpc.is_client || rpc.state == Rpc::State::kServing)) {
    events_.failed(rpc, code);
  }
  end(now, rpc);
}

void Endpoint::Impl::end(Time now, Rpc& rpc) {
  trace(now, trace::EventType::rpc_ended, rpc, 0, 0);
  if (rpc.out.started()) rpc.out.link->queue.remove(rpc.out);
  grants_.remove(rpc.grant);
  timers_.disarm(rpc.timer);
  unwatch(rpc);
  rpc.peer->questions.line.leave(rpc.turn_place);
  Account& account = *rpc.port->account;
  if (rpc.out.started()) {
    events_.transmit_done(rpc);
    accounts_.pressure().sent(account.memory, rpc.out.length());
  }
  accounts_.rpc_ended(account);
  if (rpc.is_client) {
    --client_rpcs_;
    if (rpc.short_call) --short_calls_;
  } else {
    const bool ran = rpc.state != Rpc::State::kReceiving;
    admission_.request_ended(*rpc.port, *rpc.peer, rpc.client_id, rpc.of_stranger, ran);
    if (rpc.of_stranger) forget_stranger(rpc);
  }
  account.pool.drop(rpc.buffer);
  rpcs_.remove(rpc);
  if (account.pool.waiting()) serve_waiting(now, account.pool);
  if (accounts_.pressure().wants_retry()) serve_waiting_accounts(now);
}

bool Endpoint::Impl::release(Time now, AccountId id, BufferOffset buffer, std::uint32_t length) {
  Account* account = accounts_.find(id);
  if (account == nullptr || !account->pool.release(buffer, length)) return false;
  if (account->pool.waiting()) serve_waiting(now, account->pool);
  if (accounts_.pressure().wants_retry()) serve_waiting_accounts(now);
  return true;
}

// What its sender sent unasked was dropped meanwhile: it is granted and asked for again, so that
// messages that found room at once do not starve it (docs/protocol.md#grants).
void Endpoint::Impl::serve_waiting(Time now, BufferPool& pool) {
  while (const MessageBuffer* served = pool.serve_waiting()) {
    Rpc& rpc = *served->rpc;
    rpc.silence.restart(now);
    rpc.progress.begin(now);
    grants_.add(rpc.grant);
    controls_.resend(now, rpc, {0, rpc.grant.granted});
    arm(now, rpc);
  }
}

// Anybody can send an ICMP message. One that quotes a packet of ours comes from who saw that
// packet: it ends the RPC. Any other is a reason to look.
void Endpoint::Impl::on_unreachable(Time now, const Unreachable& what) {
  trace::add(counters_.unreachable_received);
  last_now_ = now;
  const auto common = wire::parse_common(what.quoted);
  Rpc* rpc = common ? find_quoted(what.peer, *common) : nullptr;
  Peer* peer = rpc != nullptr ? rpc->peer : peers_.at(what.peer);
  if (peer == nullptr) return;
  // A client may have moved, and the error be about its former address: what it asked us for ends
  // by its silence only.
  if (rpc != nullptr && rpc->is_client) {
    // Its engine has ended, or there never was one.
    const bool gone = peer->identity != kNoIdentity || rpc->heard;
    const ErrorCode code = what.kind == Unreachable::Kind::kPort ? ErrorCode::kNoSuchSocket
                           : gone                                ? ErrorCode::kPeerGone
                                                                 : ErrorCode::kPeerUnreachable;
    fail(now, *rpc, code, true);
    if (what.kind == Unreachable::Kind::kPort) return;
  }
  ask_sooner(now, *peer);
}

RpcInfo Endpoint::Impl::info(const Rpc& rpc) const {
  RpcInfo info;
  info.id = rpc.id;
  info.cookie = rpc.cookie;
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
  info.began = rpc.began;
  info.gaps = static_cast<std::uint32_t>(rpc.in.gaps().size());
  info.silent_ticks =
      static_cast<std::uint32_t>((last_now_ - rpc.silence.last_heard) / config_.tick);
  return info;
}

}  // namespace homa::core
