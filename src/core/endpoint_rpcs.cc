// The life of an RPC: how it starts, what it holds, how it ends.
#include <algorithm>

#include "core/endpoint_impl.h"

namespace homa::core {
namespace {

constexpr std::uint16_t kClientPorts = 0xffff - kFirstClientPort + 1;
// Ids start at random, in the lower half of what there is, so that they never wrap
// (docs/protocol.md#at-most-once).
constexpr std::uint64_t kFirstSequenceMask = (1ULL << 42) - 1;

std::uint32_t random_incarnation(std::mt19937_64& random) {
  std::uint32_t value = 0;
  while (value == 0) value = static_cast<std::uint32_t>(random() & 0xffffff);
  return value;
}

}  // namespace

Endpoint::Impl::Impl(const CoreConfig& config, std::uint64_t seed, trace::Recorder& recorder)
    : config_(config),
      recorder_(recorder),
      counters_(recorder.counters),
      random_(seed),
      incarnation_(random_incarnation(random_)),
      peers_(config_),
      rpcs_(config_.rpcs_max, random_() & kFirstSequenceMask),
      priorities_(config_.priorities, config_.cutoffs),
      grants_(config_, priorities_),
      queue_(config_.defer_bytes_min, config_.pacer_fifo_per_mille),
      pacer_(config_),
      downlink_(config_),
      timers_(config_.tick),
      finished_(config_.finished_ids_max),
      ports_(1U << 16) {
  if (config_.receive_region_bytes != 0) region_.emplace(config_.receive_region_bytes);
}

// RPCs in progress leave the queues and sets of the leaves before those go.
Endpoint::Impl::~Impl() {
  rpcs_.for_each([this](Rpc& rpc) { end(last_now_, rpc); });
}

Result<Port, ErrorCode> Endpoint::Impl::open_port(Port port) {
  if (raw(port) == 0) {
    std::uint32_t offset = static_cast<std::uint32_t>(random_() % kClientPorts);
    for (std::uint32_t tries = 0; tries < kClientPorts && raw(port) == 0; ++tries) {
      const auto candidate = static_cast<std::uint16_t>(kFirstClientPort + offset);
      if (!ports_[candidate].open) port = Port{candidate};
      offset = (offset + 1) % kClientPorts;
    }
  }
  if (raw(port) == 0 || ports_[raw(port)].open) return Unexpected(ErrorCode::kInUse);
  ports_[raw(port)].open = true;
  return port;
}

void Endpoint::Impl::close_port(Time now, Port port) {
  if (!ports_[raw(port)].open) return;
  rpcs_.for_each([&](Rpc& rpc) {
    if (rpc.local_port != port) return;
    send_error(now, rpc, rpc.is_client ? ErrorCode::kCancelled : ErrorCode::kNoSuchSocket);
    end(now, rpc);
  });
  ports_[raw(port)].open = false;
}

Peer* Endpoint::Impl::get_peer(Time now, const Address& address) {
  const std::size_t before = peers_.size();
  std::uint32_t collected = 0;
  Peer* peer = peers_.get(now, address, collected);
  if (collected > 0) trace::add(counters_.peers_collected, collected);
  if (peers_.size() + collected > before) trace::add(counters_.peers_created);
  return peer;
}

Result<RpcId, ErrorCode> Endpoint::Impl::start(Time now, const Request& request) {
  if (request.length == 0 || raw(request.server_port) == 0 || is_client_port(request.server_port) ||
      !ports_[raw(request.client_port)].open) {
    return Unexpected(ErrorCode::kInvalidArgument);
  }
  if (request.length > config_.message_bytes_max) return Unexpected(ErrorCode::kTooLong);
  Peer* peer = get_peer(now, request.server);
  if (peer == nullptr) return Unexpected(ErrorCode::kNoMemory);
  Rpc* rpc = rpcs_.add_client(*peer);
  if (rpc == nullptr) return Unexpected(ErrorCode::kNoMemory);
  ++client_rpcs_;
  rpc->local_port = request.client_port;
  rpc->peer_port = request.server_port;
  rpc->peer_incarnation = peer->incarnation;
  rpc->cookie = request.cookie;
  rpc->last_heard = now;
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
  rpc.out.start(length, unscheduled, token, ++ages_, config_.payload_bytes_max);
  rpc.out.hold_back(pending);
  queue_.update(rpc.out);
}

Result<void, ErrorCode> Endpoint::Impl::supply(Time now, RpcId id, std::uint32_t bytes) {
  Rpc* rpc = rpcs_.find(id);
  if (rpc == nullptr) return Unexpected(ErrorCode::kNoSuchRpc);
  if (!rpc->out.started()) return Unexpected(ErrorCode::kInvalidArgument);
  last_now_ = now;
  if (rpc->out.supply(bytes)) queue_.update(rpc->out);
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
  rpc->state = Rpc::State::kReplying;
  rpc->last_heard = now;
  rpc->resends = 0;
  start_out(*rpc, length, token, pending);
  timers_.arm(now, rpc->timer, now + ticks(config_.request_ack_ticks));
  trace::add(counters_.responses_sent);
  trace(now, trace::EventType::reply_started, *rpc, length, 0);
  return {};
}

Result<void, ErrorCode> Endpoint::Impl::abort(Time now, RpcId id, ErrorCode code, bool report) {
  Rpc* rpc = rpcs_.find(id);
  if (rpc == nullptr) return Unexpected(ErrorCode::kNoSuchRpc);
  if (code != ErrorCode::kOk) send_error(now, *rpc, code);
  fail(now, *rpc, code, report);
  return {};
}

void Endpoint::Impl::fail(Time now, Rpc& rpc, ErrorCode code, bool report) {
  trace::add(rpc.is_client ? counters_.rpcs_failed : counters_.served_aborted);
  if (code == ErrorCode::kTimeout) trace::add(counters_.rpcs_timed_out);
  trace(now, trace::EventType::rpc_failed, rpc, raw(code), 0);
  if (report && (rpc.is_client || rpc.state == Rpc::State::kServing)) {
    push_event(Event::Kind::kFailed, rpc, code);
  }
  end(now, rpc);
}

void Endpoint::Impl::end(Time now, Rpc& rpc) {
  trace(now, trace::EventType::rpc_ended, rpc, 0, 0);
  queue_.remove(rpc.out);
  grants_.remove(rpc.grant);
  timers_.disarm(rpc.timer);
  if (rpc.buffer_hook.is_linked()) buffer_waiters_.erase(buffer_waiters_.iterator_to(rpc));
  if (rpc.out.started()) push_transmit_done(rpc);
  if (rpc.is_client) {
    --client_rpcs_;
  } else {
    --ports_[raw(rpc.local_port)].served;
    --served_rpcs_;
    if (rpc.state != Rpc::State::kReceiving) finished_.add(*rpc.peer, rpc.client_id);
  }
  const bool had_buffer = rpc.has_buffer;
  const BufferOffset buffer = rpc.buffer;
  const std::uint32_t length = rpc.in.length();
  rpcs_.remove(rpc);
  if (had_buffer) release(now, buffer, length);
}

void Endpoint::Impl::push_event(Event::Kind kind, const Rpc& rpc, ErrorCode error) {
  Event& event = events_.push_slot();
  event.kind = kind;
  event.error = error;
  event.local_port = rpc.local_port;
  event.peer_port = rpc.peer_port;
  event.peer = rpc.peer->address;
  event.rpc = rpc.id;
  event.cookie = rpc.cookie;
  const bool whole = kind != Event::Kind::kFailed;
  event.length = whole ? rpc.in.length() : 0;
  event.buffer = whole ? rpc.buffer : BufferOffset{};
  event.transmit_token = TransmitToken{};
}

void Endpoint::Impl::push_transmit_done(Rpc& rpc) {
  Event& event = events_.push_slot();
  event = Event{};
  event.kind = Event::Kind::kTransmitDone;
  event.local_port = rpc.local_port;
  event.peer = rpc.peer->address;
  event.rpc = rpc.id;
  event.transmit_token = rpc.out.token();
}

std::optional<Event> Endpoint::Impl::poll_event() {
  if (events_.empty()) return std::nullopt;
  const Event event = events_.front();
  events_.pop();
  return event;
}

bool Endpoint::Impl::get_buffer(Rpc& rpc) {
  if (!region_) {
    rpc.has_buffer = true;
    rpc.buffer = BufferOffset{};
    return true;
  }
  const auto offset = region_->allocate(rpc.in.length());
  if (!offset) return false;
  rpc.has_buffer = true;
  rpc.buffer = BufferOffset{*offset};
  return true;
}

bool Endpoint::Impl::release(Time now, BufferOffset buffer, std::uint32_t length) {
  if (!region_) return true;
  const bool freed = region_->free(raw(buffer), length);
  if (freed && !buffer_waiters_.empty()) give_buffers(now);
  return freed;
}

// What its sender sent unasked was dropped meanwhile: it is granted and asked for again, so that
// messages that found room at once do not starve it (docs/protocol.md#grants).
void Endpoint::Impl::give_buffers(Time now) {
  while (!buffer_waiters_.empty()) {
    Rpc& rpc = buffer_waiters_.front();
    if (!get_buffer(rpc)) return;
    buffer_waiters_.pop_front();
    rpc.last_heard = now;
    rpc.resends = 0;
    grants_.add(rpc.grant);
    send_resend(now, rpc, 0, rpc.grant.granted);
    arm(now, rpc);
  }
}

void Endpoint::Impl::peer_restarted(Time now, Peer& peer, std::uint32_t incarnation) {
  trace::add(counters_.peers_restarted);
  rpcs_.for_each([&](Rpc& rpc) {
    if (rpc.peer != &peer) return;
    // An RPC of ours that the old engine never answered may be on its way to the new one.
    if (!rpc.is_client || rpc.heard) fail(now, rpc, ErrorCode::kPeerRestarted, true);
  });
  peers_.restart(peer, incarnation);
}

void Endpoint::Impl::on_unreachable(Time now, const Unreachable& what) {
  trace::add(counters_.unreachable_received);
  last_now_ = now;
  Peer* peer = peers_.find(what.peer);
  if (peer == nullptr) return;
  if (what.kind == Unreachable::Kind::kPort) {
    // The quoted header is a packet of ours: the id in it is our own name for the RPC.
    const auto common = wire::parse_common(what.quoted);
    if (!common) return;
    Rpc* rpc = is_client_id(common->sender_id)
                   ? rpcs_.find_client(common->sender_id)
                   : rpcs_.find_served(*peer, other_side(common->sender_id), common->source_port);
    if (rpc != nullptr && rpc->peer == peer) fail(now, *rpc, ErrorCode::kNoSuchSocket, true);
    return;
  }
  rpcs_.for_each([&](Rpc& rpc) {
    if (rpc.peer == peer) fail(now, rpc, ErrorCode::kPeerUnreachable, true);
  });
}

RpcInfo Endpoint::Impl::info(const Rpc& rpc) const {
  RpcInfo info;
  info.id = rpc.id;
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
  info.silent_ticks = static_cast<std::uint32_t>((last_now_ - rpc.last_heard) / config_.tick);
  return info;
}

}  // namespace homa::core
