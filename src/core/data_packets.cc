#include "core/data_packets.h"

#include <algorithm>

namespace homa::core {
namespace {

constexpr int kDisplacedMost = 16;  // for one newcomer

}  // namespace

RxOutcome DataPackets::on_packet(Time now, const RxPacket& packet) {
  wire::DataHeader data;
  auto payload = packet.payload;
  if (!packet.same_host) {
    payload = packet.bytes.subspan(std::min(packet.bytes.size(), wire::kDataHeaderBytes));
  }
  if (wire::parse_data(packet.bytes, payload, data)) [[unlikely]]
    return state_.drop(now, DropReason::kMalformed, packet, WireId{});
  if (raw(data.common.sender_id) < 2)
    return state_.drop(now, DropReason::kMismatch, packet, WireId{});
  trace::add(state_.counters.bytes_received, payload.size());
  if (packet.same_host) trace::add(state_.counters.bytes_same_host, payload.size());
  return is_client_id(data.common.sender_id) ? on_request(now, packet, data)
                                             : on_response(now, packet, data);
}

[[gnu::always_inline]] inline RxOutcome DataPackets::on_request(Time now, const RxPacket& packet,
                                                                const wire::DataHeader& data) {
  const Port port = data.common.destination_port;
  LocalPort* local = state_.admission.find(port);
  if (local == nullptr) return on_request_to_closed_port(now, packet, data);
  Peer* peer = identities_.sender(now, packet, data.common);
  if (peer == nullptr) {  // it costs a record only if its request may be admitted
    if (data.common.identity == kNoIdentity && identities_.belongs_to_ours(now, packet.source)) {
      return state_.drop(now, DropReason::kOtherIdentity, packet, data.common.sender_id);
    }
    if (const auto refusal = state_.admission.refusal(*local, data)) {
      return refuse(now, packet, data, nullptr, *refusal);
    }
    peer = identities_.newcomer(now, packet.source, data.common.identity);
  }
  if (peer == nullptr) {
    return refuse(now, packet, data, nullptr, {DropReason::kOverloaded, ErrorCode::kOverloaded});
  }
  state_.peers.touch(now, *peer);
  identities_.note_packet_of(now, *peer, packet, data.common);
  peer->repairs.arrived(now, data.payload.size());
  if (raw(data.ack.client_id) != 0) lifetimes_.acked(now, *peer, data.ack);
  if (!strangers_.is_stranger(*peer)) answer_cutoffs(now, packet, *peer, data);
  Rpc* rpc = state_.rpcs.find_served(*peer, data.common.sender_id, port);
  if (rpc == nullptr) {
    const auto admitted = admit(now, *peer, *local, data);
    if (!admitted) return refuse(now, packet, data, peer, admitted.error());
    rpc = *admitted;
  }
  if (rpc->port != local) {  // the port was closed and opened again
    lifetimes_.end_closed(now, *rpc);
    return state_.drop(now, DropReason::kNoSuchPort, packet, data.common.sender_id);
  }
  if (rpc->state != Rpc::State::kReceiving) {
    return state_.drop(now, DropReason::kDuplicate, packet, data.common.sender_id);
  }
  return take(now, *rpc, packet, data);
}

// A request that the port's application had before it closed the port may have run.
RxOutcome DataPackets::on_request_to_closed_port(Time now, const RxPacket& packet,
                                                 const wire::DataHeader& data) {
  const WireId id = data.common.sender_id;
  const Port port = data.common.destination_port;
  Peer* peer = identities_.sender(now, packet, data.common);
  if (peer != nullptr) identities_.note_packet_of(now, *peer, packet, data.common);
  if (Rpc* rpc = peer != nullptr ? state_.rpcs.find_served(*peer, id, port) : nullptr) {
    lifetimes_.end_closed(now, *rpc);
    return state_.drop(now, DropReason::kNoSuchPort, packet, id);
  }
  if (peer != nullptr && state_.admission.may_have_run(*peer, id)) {
    return refuse(now, packet, data, peer, {DropReason::kNoSuchPort, ErrorCode::kCancelled});
  }
  const bool closed = state_.admission.is_closed(port);
  const ErrorCode answer = closed ? ErrorCode::kNoSuchSocket : ErrorCode::kOk;
  RxOutcome outcome = refuse(now, packet, data, peer, {DropReason::kNoSuchPort, answer});
  outcome.refused = closed;
  return outcome;
}

RxOutcome DataPackets::refuse(Time now, const RxPacket& packet, const wire::DataHeader& data,
                              Peer* peer, const Admission::Refusal& refusal) {
  if (refusal.answer != ErrorCode::kOk &&
      strangers_.may_answer(peer, ControlQueue::error_bytes(refusal.answer))) {
    state_.controls.error(now, identities_.way_back(packet, peer), data.common, refusal.answer);
  }
  return state_.drop(now, refusal.reason, packet, data.common.sender_id);
}

[[gnu::always_inline]] inline Result<Rpc*, Admission::Refusal> DataPackets::admit(
    Time now, Peer& peer, LocalPort& port, const wire::DataHeader& data) {
  const WireId id = data.common.sender_id;
  if (const auto refusal = state_.admission.refusal(port, data)) return Unexpected(*refusal);
  if (const auto refusal = state_.admission.refusal_of_peer(port, peer, data)) {
    return Unexpected(*refusal);
  }
  Rpc* rpc = nullptr;
  const bool stranger = strangers_.is_stranger(peer);
  const bool whole = data.payload.size() == data.message_length;
  if ((has_slot(port, peer, stranger) || make_room_for(now, port, peer)) &&
      state_.events.reserve_for(state_.rpcs.size() + 1)) {
    rpc = state_.rpcs.add_served(peer, id, port.number);
  }
  if (rpc == nullptr) {
    ++port.account->memory.remedies.requests_refused;
    ++state_.remedies;
    return Unexpected(Admission::Refusal{DropReason::kOverloaded, ErrorCode::kOverloaded});
  }
  rpc->began = now;
  rpc->of_stranger = stranger;
  rpc->port = &port;
  state_.admission.request_started(port, rpc->of_stranger);
  state_.accounts.rpc_began(*port.account);
  rpc->peer_port = data.common.source_port;
  rpc->response_limit = data.response_unscheduled_limit;
  if (stranger && !whole) {
    while (Rpc* oldest = strangers_.in_the_way_of(*port.account, data.message_length)) {
      trace::add(state_.counters.requests_displaced);
      lifetimes_.end(now, *oldest);
    }
  }
  announce(now, *rpc, data);
  if (!stranger) return rpc;
  strangers_.challenge(now, peer, ControlQueue::header_for(*rpc));
  if (rpc->buffer.waits()) {  // strangers do not wait
    lifetimes_.end(now, *rpc);
    return Unexpected(Admission::Refusal{DropReason::kNoBuffer, ErrorCode::kOk});
  }
  if (!whole) strangers_.half_sent(*rpc);
  return rpc;
}

// The RPC slots for requests are used up. Responses that nobody acknowledges give way, as many as
// the newcomer's share takes. Those of another account that is within its guarantee stay.
bool DataPackets::make_room_for(Time now, const LocalPort& port, const Peer& newcomer) {
  if (state_.admission.is_full(port)) return false;
  for (int displaced = 0; displaced < kDisplacedMost; ++displaced) {
    Rpc* victim = strangers_.displaced_by(now, port, newcomer);
    if (victim == nullptr) return false;
    trace::add(state_.counters.responses_displaced);
    lifetimes_.end(now, *victim);
    if (has_slot(port, newcomer, strangers_.is_stranger(newcomer))) return true;
  }
  return false;
}

// The first packet of a message is here: its buffer, its place among those that want grants.
[[gnu::always_inline]] inline void DataPackets::announce(Time now, Rpc& rpc,
                                                         const wire::DataHeader& data) {
  rpc.in.start(data.message_length);
  rpc.silence.last_heard = now;
  rpc.silence.repair = rpc.peer->repairs.whole();
  const std::uint32_t unscheduled =
      std::min(std::max(data.incoming, data.offset() + data.payload_length()), data.message_length);
  rpc.grant.length = data.message_length;
  rpc.grant.received = 0;
  rpc.grant.granted = unscheduled;
  rpc.grant.age = ++state_.ages;
  rpc.grant.peer = &rpc.peer->grants;
  state_.priorities.count(data.message_length, unscheduled);
  rpc.head.begin(data.message_length, unscheduled,
                 rpc.is_client ? Head::kNever : rpc.port->announced_above);
  rpc.grant.held = rpc.head.open();
  const bool whole = data.payload.size() == data.message_length;
  Account& account = *rpc.port->account;
  PeerShare* const peer = whole ? nullptr : rpc.peer->memory.of(account.id);
  if (!account.pool.get(rpc.buffer, *rpc.port->share, peer, data.message_length)) {
    return lifetimes_.waits_for_memory(now, rpc);
  }
  if (whole) return;  // complete in a moment
  lifetimes_.has_buffer(now, rpc);
}

void DataPackets::answer_cutoffs(Time now, const RxPacket& packet, Peer& peer,
                                 const wire::DataHeader& data) {
  if (data.cutoff_version == state_.priorities.version()) return;
  if (peer.cutoffs_were_sent && now - peer.cutoffs_sent < state_.config.cutoffs_reply_interval)
    return;
  peer.cutoffs_sent = now;
  peer.cutoffs_were_sent = true;
  state_.controls.cutoffs(now, identities_.way_back(packet, &peer), data.common, state_.priorities);
}

[[gnu::always_inline]] inline RxOutcome DataPackets::on_response(Time now, const RxPacket& packet,
                                                                 const wire::DataHeader& data) {
  const Parties who = identities_.parties(now, packet, data.common);
  if (who.refused)
    return state_.drop(now, DropReason::kOtherIdentity, packet, data.common.sender_id);
  Peer* peer = who.peer;
  Rpc* rpc = who.rpc;
  if (peer != nullptr) {
    peer->repairs.arrived(now, data.payload.size());
    state_.peers.touch(now, *peer);
  }
  if (rpc == nullptr)
    return state_.drop(now, DropReason::kUnknownRpc, packet, data.common.sender_id);
  answer_cutoffs(now, packet, *peer, data);
  if (rpc->state == Rpc::State::kCalling) {
    if (data.message_length > state_.config.message_bytes_max) {
      const DropReason reason = DropReason::kTooLong;
      strangers_.tell_end(now, *rpc, ErrorCode::kTooLong);
      lifetimes_.fail(now, *rpc, ErrorCode::kTooLong, true);
      return state_.drop(now, reason, packet, data.common.sender_id);
    }
    rpc->out.link->queue.remove(rpc->out);  // an answer says that the request is there
    Transmitter::sent_whole(*rpc);
    rpc->unwatch();
    rpc->state = Rpc::State::kReceiving;
    timeouts_.heard(now, *rpc);
    announce(now, *rpc, data);
  }
  return take(now, *rpc, packet, data);
}

[[gnu::always_inline]] inline RxOutcome DataPackets::take(Time now, Rpc& rpc,
                                                          const RxPacket& packet,
                                                          const wire::DataHeader& data) {
  const WireId id = data.common.sender_id;
  rpc.path = packet.path;
  if (data.message_length != rpc.in.length())
    return state_.drop(now, DropReason::kMismatch, packet, id);
  if (!rpc.buffer.held) {
    timeouts_.heard(now, rpc);
    return state_.drop(now, DropReason::kNoBuffer, packet, id);
  }
  const ByteRange range{data.offset(), data.offset() + data.payload_length()};
  const std::uint32_t before = rpc.in.received();
  switch (rpc.in.add(range)) {
    case MessageIn::Added::kNew: break;
    case MessageIn::Added::kDuplicate: return state_.drop(now, DropReason::kDuplicate, packet, id);
    case MessageIn::Added::kTooManyGaps: return state_.drop(now, DropReason::kNoBuffer, packet, id);
  }
  timeouts_.heard(now, rpc);  // a copy shows nothing about the rest
  rpc.peer->questions.heard();
  state_.trace(now, trace::EventType::data_received, rpc, range.begin, range.size());
  RxOutcome outcome;
  outcome.kind = RxOutcome::Kind::kDeliver;
  outcome.payload_offset = wire::kDataHeaderBytes;
  outcome.length = range.size();
  outcome.received = rpc.in.received();
  outcome.new_bytes = outcome.received - before;
  outcome.account = rpc.port->account->id;
  outcome.buffer = rpc.buffer.offset + range.begin;
  outcome.rpc = rpc.id;
  outcome.message_offset = range.begin;
  if (rpc.grant.tracked) state_.grants.on_received(rpc.grant, rpc.in.received(), rpc.in.end());
  if (rpc.head.open()) [[unlikely]] {
    if (rpc.head.shows(rpc.in.prefix())) state_.events.head(rpc, rpc.in.prefix());
  } else if (rpc.in.complete()) {
    complete(now, rpc);
  }
  return outcome;
}

[[gnu::always_inline]] inline void DataPackets::complete(Time now, Rpc& rpc) {
  state_.grants.remove(rpc.grant);
  if (!rpc.is_client) {
    state_.timers.disarm(rpc.timer);
    if (rpc.of_stranger) strangers_.no_longer_half_sent(rpc);
    rpc.state = Rpc::State::kServing;
    state_.events.message(rpc);
    BufferPool& pool = rpc.port->account->pool;
    if (pool.hand_over(rpc.buffer) && pool.waiting()) lifetimes_.serve_waiting(now, pool);
    trace::add(state_.counters.requests_received);
    state_.trace(now, trace::EventType::request_delivered, rpc, rpc.in.length(), 0);
    return;
  }
  state_.events.message(rpc);
  rpc.port->account->pool.hand_over(rpc.buffer);
  trace::add(state_.counters.responses_received);
  state_.trace(now, trace::EventType::response_delivered, rpc, rpc.in.length(), 0);
  if (rpc.peer->acks.full()) {
    state_.controls.ack(now, rpc.way(), ControlQueue::header_for(rpc), rpc.peer->acks);
  } else {
    rpc.peer->acks.add({rpc.client_id, rpc.peer_port});
  }
  lifetimes_.end(now, rpc);
}

Result<void, ErrorCode> DataPackets::decide(Time now, RpcId id, ErrorCode refusal) {
  Rpc* const rpc = state_.rpcs.find(id);
  if (rpc == nullptr || !rpc->head.accept()) return Unexpected(ErrorCode::kNoSuchRpc);
  state_.now = now;
  if (refusal != ErrorCode::kOk) {
    strangers_.tell_end(now, *rpc, refusal);
    lifetimes_.fail(now, *rpc, refusal, false);
  } else if (rpc->in.complete()) {
    complete(now, *rpc);
  } else {
    lifetimes_.grant_rest(now, *rpc);
  }
  return {};
}

}  // namespace homa::core
