// One packet: whose it is, and what it changes.
#include <algorithm>

#include "core/endpoint_impl.h"

namespace homa::core {
RxOutcome Endpoint::Impl::drop(Time now, DropReason reason, const RxPacket& packet, WireId id) {
  trace::add(trace::counter_of(counters_, reason));
  recorder_.append(now, trace::EventType::packet_dropped, raw(id) & ~1ULL, raw(reason),
                   packet.bytes.size());
  RxOutcome outcome;
  outcome.kind = RxOutcome::Kind::kDropped;
  outcome.reason = reason;
  return outcome;
}

RxOutcome Endpoint::Impl::on_packet(Time now, const RxPacket& packet) {
  last_now_ = now;
  trace::add(counters_.packets_received);
  downlink_.received(now, packet.bytes.size());
  return wire::is_data(packet.bytes) ? on_data(now, packet) : on_control(now, packet);
}

RxOutcome Endpoint::Impl::on_control(Time now, const RxPacket& packet) {
  const auto common = wire::parse_common(packet.bytes);
  if (!common) return drop(now, DropReason::kMalformed, packet, WireId{});
  if (raw(common->sender_id) < 2) return drop(now, DropReason::kMismatch, packet, WireId{});
  return dispatch(now, packet, *common);
}

RxOutcome Endpoint::Impl::dispatch(Time now, const RxPacket& packet,
                                   const wire::CommonHeader& common) {
  using wire::PacketType;
  const Parties who = parties(now, packet, common);
  if (who.refused) return drop(now, DropReason::kOtherIdentity, packet, common.sender_id);
  Peer* peer = who.peer;
  Rpc* rpc = who.rpc;
  if (peer != nullptr) {
    peer->questions.heard();
    peers_.touch(now, *peer);
  } else if (common.type != PacketType::kAnswer && common.identity != kNoIdentity) {
    contest(now, packet, common);
  }
  if (rpc != nullptr) rpc->path = packet.path;
  recorder_.append(now, trace::EventType::control_received, raw(common.sender_id) & ~1ULL,
                   raw(common.type), 0);
  switch (common.type) {
    case PacketType::kGrant: return on_grant(now, packet, rpc);
    case PacketType::kResend: return on_resend(now, packet, who);
    case PacketType::kUnknown: return on_unknown(now, rpc, common);
    case PacketType::kBusy:
      trace::add(counters_.busy_received);
      if (rpc != nullptr) heard(now, *rpc);
      return kConsumed;
    case PacketType::kCutoffs: return on_cutoffs(now, packet, peer);
    case PacketType::kFreeze: return kConsumed;
    case PacketType::kNeedAck: return on_need_ack(now, packet, who, common);
    case PacketType::kAck: return on_ack(now, packet, peer);
    case PacketType::kError: return on_error(now, packet, rpc);
    case PacketType::kQuery: return on_query(now, packet, peer);
    case PacketType::kStatus: return on_status(now, packet, peer);
    case PacketType::kChallenge: return on_challenge(now, packet, peer);
    case PacketType::kAnswer: return on_answer(now, packet, peer);
    case PacketType::kData: break;
  }
  return drop(now, DropReason::kMalformed, packet, common.sender_id);
}

void Endpoint::Impl::heard(Time now, Rpc& rpc) {
  rpc.silence.last_heard = now;
  rpc.silence.postponed = 0;
  rpc.silence.unanswered.answered();
  // Of a response that is sent: NEED_ACKs back off further.
  if (rpc.state != Rpc::State::kReplying) rpc.silence.asked = 0;
  if (!rpc.heard) {
    rpc.heard = true;
    if (rpc.peer_identity == kNoIdentity) rpc.peer_identity = rpc.peer->identity;
  }
  if (rpc.grant.silent) grants_.set_silent(rpc.grant, false);
}

RxOutcome Endpoint::Impl::on_data(Time now, const RxPacket& packet) {
  const auto data = wire::parse_data(packet.bytes);
  if (!data) return drop(now, DropReason::kMalformed, packet, WireId{});
  if (raw(data->common.sender_id) < 2) return drop(now, DropReason::kMismatch, packet, WireId{});
  trace::add(counters_.bytes_received, data->payload.size());
  return is_client_id(data->common.sender_id) ? on_request_data(now, packet, *data)
                                              : on_response_data(now, packet, *data);
}

RxOutcome Endpoint::Impl::on_request_data(Time now, const RxPacket& packet,
                                          const wire::DataHeader& data) {
  const Port port = data.common.destination_port;
  LocalPort* local = admission_.find(port);
  if (local == nullptr) return on_data_to_closed_port(now, packet, data);
  Peer* peer = sender(now, packet, data.common);
  if (peer == nullptr) {  // it costs a record only if its request may be admitted
    if (data.common.identity == kNoIdentity && belongs_to_ours(now, packet.source)) {
      return drop(now, DropReason::kOtherIdentity, packet, data.common.sender_id);
    }
    if (const auto refusal = admission_.refusal(*local, data)) {
      return refuse(now, packet, data, nullptr, *refusal);
    }
    peer = newcomer(now, packet.source, data.common.identity);
  }
  if (peer == nullptr) {
    return refuse(now, packet, data, nullptr, {DropReason::kOverloaded, ErrorCode::kOverloaded});
  }
  peers_.touch(now, *peer);
  note_packet_of(now, *peer, packet, data.common);
  peer->repairs.arrived(now, data.payload.size());
  if (raw(data.ack.client_id) != 0) acked(now, *peer, data.ack);
  if (!is_stranger(*peer)) answer_cutoffs(now, packet, *peer, data);
  Rpc* rpc = rpcs_.find_served(*peer, data.common.sender_id, port);
  if (rpc == nullptr) {
    const auto admitted = admit(now, *peer, *local, data);
    if (!admitted) return refuse(now, packet, data, peer, admitted.error());
    rpc = *admitted;
  }
  if (rpc->port != local) {  // the port was closed and opened again
    end_closed(now, *rpc);
    return drop(now, DropReason::kNoSuchPort, packet, data.common.sender_id);
  }
  if (rpc->state != Rpc::State::kReceiving) {
    return drop(now, DropReason::kDuplicate, packet, data.common.sender_id);
  }
  return take_data(now, *rpc, packet, data);
}

// A request that the port's application had before it closed the port may have run.
RxOutcome Endpoint::Impl::on_data_to_closed_port(Time now, const RxPacket& packet,
                                                 const wire::DataHeader& data) {
  const WireId id = data.common.sender_id;
  const Port port = data.common.destination_port;
  Peer* peer = sender(now, packet, data.common);
  if (peer != nullptr) note_packet_of(now, *peer, packet, data.common);
  if (Rpc* rpc = peer != nullptr ? rpcs_.find_served(*peer, id, port) : nullptr) {
    end_closed(now, *rpc);
    return drop(now, DropReason::kNoSuchPort, packet, id);
  }
  if (peer != nullptr && admission_.may_have_run(*peer, id)) {
    return refuse(now, packet, data, peer, {DropReason::kNoSuchPort, ErrorCode::kCancelled});
  }
  const bool closed = admission_.is_closed(port);
  const ErrorCode answer = closed ? ErrorCode::kNoSuchSocket : ErrorCode::kOk;
  RxOutcome outcome = refuse(now, packet, data, peer, {DropReason::kNoSuchPort, answer});
  outcome.refused = closed;
  return outcome;
}

RxOutcome Endpoint::Impl::refuse(Time now, const RxPacket& packet, const wire::DataHeader& data,
                                 Peer* peer, const Admission::Refusal& refusal) {
  if (refusal.answer != ErrorCode::kOk && may_answer(peer, wire::kErrorBytes)) {
    controls_.error(now, way_back(packet, peer), data.common, refusal.answer);
  }
  return drop(now, refusal.reason, packet, data.common.sender_id);
}

Result<Rpc*, Admission::Refusal> Endpoint::Impl::admit(Time now, Peer& peer, LocalPort& port,
                                                       const wire::DataHeader& data) {
  const WireId id = data.common.sender_id;
  if (const auto refusal = admission_.refusal(port, data)) return Unexpected(*refusal);
  if (const auto refusal = admission_.refusal_of_peer(port, peer, data)) {
    return Unexpected(*refusal);
  }
  Rpc* rpc = nullptr;
  const bool stranger = is_stranger(peer);
  const bool whole = data.payload.size() == data.message_length;
  if ((has_slot(port, peer, stranger) || make_room_for(now, port, peer)) &&
      events_.reserve_for(rpcs_.size() + 1)) {
    rpc = rpcs_.add_served(peer, id, port.number);
  }
  if (rpc == nullptr) {
    ++port.account->memory.remedies.requests_refused;
    ++remedies_;
    return Unexpected(Admission::Refusal{DropReason::kOverloaded, ErrorCode::kOverloaded});
  }
  rpc->began = now;
  rpc->of_stranger = stranger;
  rpc->port = &port;
  admission_.request_started(port, rpc->of_stranger);
  accounts_.rpc_began(*port.account);
  rpc->peer_port = data.common.source_port;
  rpc->response_limit = data.response_unscheduled_limit;
  if (stranger && !whole) make_room_for_half_sent(now, *port.account, data.message_length);
  announce(now, *rpc, data);
  if (!stranger) return rpc;
  challenge(now, peer, controls_.header_for(*rpc));
  if (rpc->buffer.waits()) {  // strangers do not wait
    end(now, *rpc);
    return Unexpected(Admission::Refusal{DropReason::kNoBuffer, ErrorCode::kOk});
  }
  if (!whole) half_sent_by_stranger(*rpc);
  return rpc;
}

// The first packet of a message is here: its buffer, its place among those that want grants.
void Endpoint::Impl::announce(Time now, Rpc& rpc, const wire::DataHeader& data) {
  rpc.in.start(data.message_length);
  rpc.silence.last_heard = now;
  rpc.silence.repair = rpc.peer->repairs.whole();
  const std::uint32_t unscheduled =
      std::min(std::max(data.incoming, data.offset() + data.payload_length()), data.message_length);
  rpc.grant.length = data.message_length;
  rpc.grant.received = 0;
  rpc.grant.granted = unscheduled;
  rpc.grant.age = ++ages_;
  rpc.grant.peer = &rpc.peer->grants;
  priorities_.count(data.message_length, unscheduled);
  const bool whole = data.payload.size() == data.message_length;
  Account& account = *rpc.port->account;
  PeerShare* const peer = whole ? nullptr : rpc.peer->memory.of(account.id);
  if (!account.pool.get(rpc.buffer, *rpc.port->share, peer, data.message_length)) {
    return waits_for_memory(now, rpc);
  }
  if (whole) return;  // complete in a moment
  rpc.progress.begin(now);
  grants_.add(rpc.grant);
  arm(now, rpc);
}

void Endpoint::Impl::answer_cutoffs(Time now, const RxPacket& packet, Peer& peer,
                                    const wire::DataHeader& data) {
  if (data.cutoff_version == priorities_.version()) return;
  if (peer.cutoffs_were_sent && now - peer.cutoffs_sent < config_.cutoffs_reply_interval) return;
  peer.cutoffs_sent = now;
  peer.cutoffs_were_sent = true;
  controls_.cutoffs(now, way_back(packet, &peer), data.common, priorities_);
}

RxOutcome Endpoint::Impl::on_response_data(Time now, const RxPacket& packet,
                                           const wire::DataHeader& data) {
  const Parties who = parties(now, packet, data.common);
  if (who.refused) return drop(now, DropReason::kOtherIdentity, packet, data.common.sender_id);
  Peer* peer = who.peer;
  Rpc* rpc = who.rpc;
  if (peer != nullptr) {
    peer->repairs.arrived(now, data.payload.size());
    peers_.touch(now, *peer);
  }
  if (rpc == nullptr) return drop(now, DropReason::kUnknownRpc, packet, data.common.sender_id);
  answer_cutoffs(now, packet, *peer, data);
  if (rpc->state == Rpc::State::kCalling) {
    if (data.message_length > config_.message_bytes_max) {
      const DropReason reason = DropReason::kTooLong;
      tell_end(now, *rpc, ErrorCode::kTooLong);
      fail(now, *rpc, ErrorCode::kTooLong, true);
      return drop(now, reason, packet, data.common.sender_id);
    }
    rpc->out.link->queue.remove(rpc->out);  // an answer says that the request is there
    sent_whole(*rpc);
    unwatch(*rpc);
    rpc->state = Rpc::State::kReceiving;
    heard(now, *rpc);
    announce(now, *rpc, data);
  }
  return take_data(now, *rpc, packet, data);
}

RxOutcome Endpoint::Impl::take_data(Time now, Rpc& rpc, const RxPacket& packet,
                                    const wire::DataHeader& data) {
  const WireId id = data.common.sender_id;
  rpc.path = packet.path;
  if (data.message_length != rpc.in.length()) return drop(now, DropReason::kMismatch, packet, id);
  if (!rpc.buffer.held) {
    heard(now, rpc);
    return drop(now, DropReason::kNoBuffer, packet, id);
  }
  const ByteRange range{data.offset(), data.offset() + data.payload_length()};
  const std::uint32_t before = rpc.in.received();
  switch (rpc.in.add(range)) {
    case MessageIn::Added::kNew: break;
    case MessageIn::Added::kDuplicate: return drop(now, DropReason::kDuplicate, packet, id);
    case MessageIn::Added::kTooManyGaps: return drop(now, DropReason::kNoBuffer, packet, id);
  }
  heard(now, rpc);  // a copy shows nothing about the rest
  rpc.peer->questions.heard();
  trace(now, trace::EventType::data_received, rpc, range.begin, range.size());
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
  if (rpc.grant.tracked) grants_.on_received(rpc.grant, rpc.in.received(), rpc.in.end());
  if (rpc.in.complete()) complete(now, rpc);
  return outcome;
}

void Endpoint::Impl::complete(Time now, Rpc& rpc) {
  grants_.remove(rpc.grant);
  if (!rpc.is_client) {
    timers_.disarm(rpc.timer);
    if (rpc.of_stranger) no_longer_half_sent(rpc);
    rpc.state = Rpc::State::kServing;
    events_.message(rpc);
    BufferPool& pool = rpc.port->account->pool;
    if (pool.hand_over(rpc.buffer) && pool.waiting()) serve_waiting(now, pool);
    trace::add(counters_.requests_received);
    trace(now, trace::EventType::request_delivered, rpc, rpc.in.length(), 0);
    return;
  }
  events_.message(rpc);
  rpc.port->account->pool.hand_over(rpc.buffer);
  trace::add(counters_.responses_received);
  trace(now, trace::EventType::response_delivered, rpc, rpc.in.length(), 0);
  if (rpc.peer->acks.full()) {
    controls_.ack(now, rpc.way(), controls_.header_for(rpc), rpc.peer->acks);
  } else {
    rpc.peer->acks.add({rpc.client_id, rpc.peer_port});
  }
  end(now, rpc);
}

RxOutcome Endpoint::Impl::on_grant(Time now, const RxPacket& packet, Rpc* rpc) {
  const auto grant = wire::parse_grant(packet.bytes);
  if (!grant) return drop(now, DropReason::kMalformed, packet, WireId{});
  trace::add(counters_.grants_received);
  if (rpc == nullptr || !sending(*rpc)) return kConsumed;
  trace(now, trace::EventType::grant_received, *rpc, grant->offset, grant->priority);
  heard(now, *rpc);
  const std::uint32_t before = rpc->out.granted();
  give_grant(now, *rpc, grant->offset);
  if (rpc->out.granted() > before || rpc->held_place.in_line()) {
    rpc->out.scheduled_priority = std::min(grant->priority, kHighestPriority);
    rpc->out.link->queue.update(rpc->out);
  }
  return kConsumed;
}

RxOutcome Endpoint::Impl::on_resend(Time now, const RxPacket& packet, const Parties& who) {
  Rpc* rpc = who.rpc;
  const auto resend = wire::parse_resend(packet.bytes);
  if (!resend) return drop(now, DropReason::kMalformed, packet, WireId{});
  trace::add(counters_.resends_received);
  if (rpc == nullptr) return on_resend_of_unknown(now, packet, who.peer, resend->common);
  trace(now, trace::EventType::resend_received, *rpc, resend->offset, resend->length);
  if (!sending(*rpc)) {
    // The request still arrives, or the application works on it.
    if (!rpc->is_client) say_busy(now, *rpc, way_back(packet, rpc->peer));
    return kConsumed;
  }
  heard(now, *rpc);
  MessageOut& out = rpc->out;
  const bool everything = resend->length == wire::kEverythingSent;
  const auto end = static_cast<std::uint32_t>(std::min<std::uint64_t>(
      everything ? out.sent() : std::uint64_t{resend->offset} + resend->length, out.length()));
  const std::uint32_t was_sent = out.sent();
  // Asked for beyond what was granted: that grant was lost. Beyond the message: that is no grant.
  if (everything || std::uint64_t{resend->offset} + resend->length <= out.length()) {
    give_grant(now, *rpc, end);
  }
  // Its receiver was silent for several ticks before it asked, so it did not know of these bytes.
  if (resend->offset < std::min(end, was_sent) && now - out.last_sent() < config_.tick) {
    trace::add(counters_.resends_suppressed);
    out.link->queue.update(out);
    return kConsumed;
  }
  const ByteRange affordable = may_send_again(*rpc, {resend->offset, end});
  asked_again(now, *rpc, affordable);
  const bool again = out.resend(within_budget(now, *rpc, affordable),
                                std::min(resend->priority, kHighestPriority));
  out.link->queue.update(out);
  if (!again) say_busy(now, *rpc, way_back(packet, rpc->peer));
  return kConsumed;
}

// What of a range may be sent again, so that nobody has the same bytes sent without end.
ByteRange Endpoint::Impl::within_budget(Time now, Rpc& rpc, ByteRange range) {
  const MessageOut& out = rpc.out;
  if (ResendBudget::is_free(out.sent(), out.sent_again())) return range;
  const ByteRange packets = out.packets_of(range);
  if (packets.size() == 0) return range;
  const std::uint32_t least = std::min(packets.size(), out.payload_max());
  const std::uint32_t bytes =
      rpc.peer->resends.take(now, least, packets.size(), out.link->pacer.bits_per_second());
  if (bytes < packets.size()) trace::add(counters_.resends_refused);
  return {packets.begin, packets.begin + bytes};
}

// A kernel repeats its whole request for each UNKNOWN. What it repeats for the last one may be in
// its queue (docs/protocol.md#what-a-resend-asks-for).
RxOutcome Endpoint::Impl::on_resend_of_unknown(Time now, const RxPacket& packet, Peer* peer,
                                               const wire::CommonHeader& about) {
  const Way from = way_back(packet, peer);
  if (peer != nullptr && peer->identity == kNoIdentity && is_client_id(about.sender_id)) {
    const Duration lately = silence_.ticks(config_.resend_interval);
    if (peer->repairs.under_way(now, peer->repairs.whole(), lately)) {
      trace::add(counters_.repairs_awaited);
      controls_.busy(now, from, about);
      return kConsumed;
    }
    peer->repairs.asked_for_all(config_.message_bytes_max);
  }
  if (may_answer(peer, wire::kCommonHeaderBytes)) controls_.unknown(now, from, about);
  return kConsumed;
}

// A server that does not know our RPC either never got it, and gets it again, or has forgotten it,
// and must not run it twice (docs/protocol.md#unknown).
RxOutcome Endpoint::Impl::on_unknown(Time now, Rpc* rpc, const wire::CommonHeader& common) {
  trace::add(counters_.unknown_received);
  if (rpc == nullptr) return kConsumed;
  if (!rpc->is_client) {
    fail(now, *rpc, ErrorCode::kCancelled, true);
    return kConsumed;
  }
  if (rpc->state != Rpc::State::kCalling) return kConsumed;
  const bool kernel = common.identity == kNoIdentity;  // does not say whether it restarted
  const bool same = rpc->peer_identity == kNoIdentity || rpc->peer_identity == common.identity;
  if (!same || (kernel && rpc->heard)) {
    fail(now, *rpc, ErrorCode::kPeerRestarted, true);
  } else if (rpc->heard) {
    knows_no_longer(now, *rpc);
  } else {
    rpc->peer_identity = common.identity;  // to this one it goes again
    begin_again(now, *rpc);
  }
  return kConsumed;
}

// The same engine knew the RPC, and now it does not. This UNKNOWN may be late; one that answers a
// later question is not.
void Endpoint::Impl::knows_no_longer(Time now, Rpc& rpc) {
  rpc.silence.unanswered.answered();
  if (now - rpc.silence.last_heard < silence_.ticks(config_.timeout_ticks)) return;
  fail(now, rpc, ErrorCode::kCancelled, true);
}

void Endpoint::Impl::begin_again(Time now, Rpc& rpc) {
  silence_.begins_again(rpc.silence);
  asked_again(now, rpc, {0, rpc.out.sent()});
  rpc.out.resend(within_budget(now, rpc, {0, rpc.out.sent()}), data_priority(rpc.out, 0));
  rpc.out.link->queue.update(rpc.out);
}

RxOutcome Endpoint::Impl::on_cutoffs(Time now, const RxPacket& packet, Peer* peer) {
  const auto cutoffs = wire::parse_cutoffs(packet.bytes);
  if (!cutoffs) return drop(now, DropReason::kMalformed, packet, WireId{});
  trace::add(counters_.cutoffs_received);
  if (peer != nullptr) {
    peer->cutoffs = cutoffs->cutoffs;
    peer->cutoff_version = cutoffs->version;
  }
  return kConsumed;
}

RxOutcome Endpoint::Impl::on_need_ack(Time now, const RxPacket& packet, const Parties& who,
                                      const wire::CommonHeader& common) {
  Rpc* rpc = who.rpc;
  trace::add(counters_.need_ack_received);
  if (is_client_id(common.sender_id)) return kConsumed;  // only servers need acks
  if (rpc != nullptr) {
    const bool nothing_missing = rpc->in.started() && rpc->in.received() >= rpc->grant.granted;
    const bool ours_to_act = rpc->buffer.waits() || nothing_missing;
    const Duration lately = silence_.ticks(config_.request_ack_ticks);
    // It overtakes data, so what is missing may be behind it. If it is lost, silence tells.
    if (!ours_to_act && rpc->peer->repairs.arriving(now, lately)) {
      say_busy(now, *rpc, way_back(packet, rpc->peer));
      return kConsumed;
    }
    heard(now, *rpc);
    if (ours_to_act || link_busy(now, lately)) {
      say_busy(now, *rpc, way_back(packet, rpc->peer));
    } else {
      ask_again(now, *rpc);
    }
    return kConsumed;
  }
  if (!may_answer(who.peer, wire::kAckBytes)) return kConsumed;
  AckBook none;
  const Way way = way_back(packet, who.peer);
  controls_.ack(now, way, ControlQueue::answer_to(way, common),
                who.peer == nullptr ? none : who.peer->acks);
  return kConsumed;
}

RxOutcome Endpoint::Impl::on_ack(Time now, const RxPacket& packet, Peer* peer) {
  const auto acks = wire::parse_ack(packet.bytes);
  if (!acks) return drop(now, DropReason::kMalformed, packet, WireId{});
  trace::add(counters_.acks_received);
  if (peer == nullptr) return kConsumed;
  acked(now, *peer, {acks->common.sender_id, acks->common.destination_port});
  for (std::size_t i = 0; i < acks->count; ++i) acked(now, *peer, acks->acks[i]);
  return kConsumed;
}

void Endpoint::Impl::acked(Time now, Peer& peer, const wire::Ack& ack) {
  Rpc* rpc = rpcs_.find_served(peer, ack.client_id, ack.server_port);
  if (rpc == nullptr || rpc->state != Rpc::State::kReplying) return;
  sent_whole(*rpc);
  end(now, *rpc);
}

RxOutcome Endpoint::Impl::on_error(Time now, const RxPacket& packet, Rpc* rpc) {
  const auto error = wire::parse_error(packet.bytes);
  if (!error) return drop(now, DropReason::kMalformed, packet, WireId{});
  trace::add(counters_.errors_received);
  if (rpc == nullptr) return kConsumed;
  const bool known = error->code > raw(ErrorCode::kOk) && error->code <= raw(ErrorCode::kDraining);
  // What an engine says is true for itself; one before it may have executed the request.
  const bool same_engine =
      rpc->peer_identity == kNoIdentity || rpc->peer_identity == error->common.identity;
  if (error->executed <= raw(Executed::kYes) &&
      (same_engine || error->executed != raw(Executed::kNo))) {
    rpc->peer_says = Executed{error->executed};
  }
  fail(now, *rpc, known ? ErrorCode{error->code} : ErrorCode::kCancelled, true);
  return kConsumed;
}

}  // namespace homa::core
