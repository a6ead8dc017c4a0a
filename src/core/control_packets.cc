#include "core/control_packets.h"

#include <algorithm>

namespace homa::core {

RxOutcome ControlPackets::on_packet(Time now, const RxPacket& packet) {
  const auto common = wire::parse_common(packet.bytes);
  if (!common) return state_.drop(now, DropReason::kMalformed, packet, WireId{});
  if (raw(common->sender_id) < 2) return state_.drop(now, DropReason::kMismatch, packet, WireId{});
  return dispatch(now, packet, *common);
}

RxOutcome ControlPackets::dispatch(Time now, const RxPacket& packet,
                                   const wire::CommonHeader& common) {
  using wire::PacketType;
  const Parties who = identities_.parties(now, packet, common);
  if (who.refused) return state_.drop(now, DropReason::kOtherIdentity, packet, common.sender_id);
  Peer* peer = who.peer;
  Rpc* rpc = who.rpc;
  if (peer != nullptr) {
    peer->questions.heard();
    state_.peers.touch(now, *peer);
  } else if (common.type != PacketType::kAnswer && common.identity != kNoIdentity) {
    identities_.contest(now, packet, common);
  }
  if (rpc != nullptr) rpc->path = packet.path;
  state_.recorder.append(now, trace::EventType::control_received, raw(common.sender_id) & ~1ULL,
                         raw(common.type), 0);
  switch (common.type) {
    case PacketType::kGrant: return on_grant(now, packet, rpc);
    case PacketType::kResend: return on_resend(now, packet, who);
    case PacketType::kUnknown: return on_unknown(now, rpc, common);
    case PacketType::kBusy: return on_busy(now, rpc);
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
  return state_.drop(now, DropReason::kMalformed, packet, common.sender_id);
}

RxOutcome ControlPackets::on_grant(Time now, const RxPacket& packet, Rpc* rpc) {
  const auto grant = wire::parse_grant(packet.bytes);
  if (!grant) return state_.drop(now, DropReason::kMalformed, packet, WireId{});
  trace::add(state_.counters.grants_received);
  if (rpc == nullptr || !rpc->sending()) return kConsumed;
  state_.trace(now, trace::EventType::grant_received, *rpc, grant->offset, grant->priority);
  timeouts_.heard(now, *rpc);
  const std::uint32_t before = rpc->out.granted();
  strangers_.give_grant(now, *rpc, grant->offset);
  if (rpc->out.granted() > before || rpc->held_place.in_line()) {
    rpc->out.scheduled_priority = std::min(grant->priority, kHighestPriority);
    rpc->out.link->queue.update(rpc->out);
  }
  return kConsumed;
}

RxOutcome ControlPackets::on_resend(Time now, const RxPacket& packet, const Parties& who) {
  Rpc* rpc = who.rpc;
  const auto resend = wire::parse_resend(packet.bytes);
  if (!resend) return state_.drop(now, DropReason::kMalformed, packet, WireId{});
  trace::add(state_.counters.resends_received);
  if (rpc == nullptr) return on_resend_of_unknown(now, packet, who.peer, resend->common);
  state_.trace(now, trace::EventType::resend_received, *rpc, resend->offset, resend->length);
  if (!rpc->sending()) {
    // The request still arrives, or the application works on it.
    if (!rpc->is_client) strangers_.say_busy(now, *rpc, identities_.way_back(packet, rpc->peer));
    return kConsumed;
  }
  timeouts_.heard(now, *rpc);
  MessageOut& out = rpc->out;
  const bool everything = resend->length == wire::kEverythingSent;
  const auto end = static_cast<std::uint32_t>(std::min<std::uint64_t>(
      everything ? out.sent() : std::uint64_t{resend->offset} + resend->length, out.length()));
  const std::uint32_t was_sent = out.sent();
  // Asked for beyond what was granted: that grant was lost. Beyond the message: that is no grant.
  if (everything || std::uint64_t{resend->offset} + resend->length <= out.length()) {
    strangers_.give_grant(now, *rpc, end);
  }
  // Its receiver was silent for several ticks before it asked, so it did not know of these bytes.
  if (resend->offset < std::min(end, was_sent) && now - out.last_sent() < state_.config.tick) {
    trace::add(state_.counters.resends_suppressed);
    out.link->queue.update(out);
    return kConsumed;
  }
  const ByteRange affordable = strangers_.may_send_again(*rpc, {resend->offset, end});
  shorten_if_lost(now, *rpc, affordable);
  const bool again = out.resend(within_budget(now, *rpc, affordable),
                                std::min(resend->priority, kHighestPriority));
  out.link->queue.update(out);
  if (!again) strangers_.say_busy(now, *rpc, identities_.way_back(packet, rpc->peer));
  return kConsumed;
}

// The peer lacks `range`. If that shows that the packets were too long for their way, it gets
// shorter ones, and has patience anew: it could not have got anything so far.
void ControlPackets::shorten_if_lost(Time now, Rpc& rpc, ByteRange range) {
  if (transmitter_.asked_again(now, rpc, range)) strangers_.say_busy(now, rpc, rpc.way());
}

// What of a range may be sent again, so that nobody has the same bytes sent without end.
ByteRange ControlPackets::within_budget(Time now, Rpc& rpc, ByteRange range) {
  const MessageOut& out = rpc.out;
  if (ResendBudget::is_free(out.sent(), out.sent_again())) return range;
  const ByteRange packets = out.packets_of(range);
  if (packets.size() == 0) return range;
  const std::uint32_t least = std::min(packets.size(), out.payload_max());
  const std::uint32_t bytes =
      rpc.peer->resends.take(now, least, packets.size(), out.link->pacer.bits_per_second());
  if (bytes < packets.size()) trace::add(state_.counters.resends_refused);
  return {packets.begin, packets.begin + bytes};
}

// A kernel repeats its whole request for each UNKNOWN. What it repeats for the last one may be in
// its queue (docs/protocol.md#what-a-resend-asks-for).
RxOutcome ControlPackets::on_resend_of_unknown(Time now, const RxPacket& packet, Peer* peer,
                                               const wire::CommonHeader& about) {
  const Way from = identities_.way_back(packet, peer);
  if (peer != nullptr && peer->identity == kNoIdentity && is_client_id(about.sender_id)) {
    const Duration lately = state_.silence.ticks(state_.config.resend_interval);
    if (peer->repairs.under_way(now, peer->repairs.whole(), lately)) {
      trace::add(state_.counters.repairs_awaited);
      state_.controls.busy(now, from, about);
      return kConsumed;
    }
    peer->repairs.asked_for_all(state_.config.message_bytes_max);
  }
  if (strangers_.may_answer(peer, wire::kCommonHeaderBytes))
    state_.controls.unknown(now, from, about);
  return kConsumed;
}

// A server that does not know our RPC either never got it, and gets it again, or has forgotten it,
// and must not run it twice (docs/protocol.md#unknown).
RxOutcome ControlPackets::on_unknown(Time now, Rpc* rpc, const wire::CommonHeader& common) {
  trace::add(state_.counters.unknown_received);
  if (rpc == nullptr) return kConsumed;
  if (!rpc->is_client) {
    lifetimes_.fail(now, *rpc, ErrorCode::kCancelled, true);
    return kConsumed;
  }
  if (rpc->state != Rpc::State::kCalling) return kConsumed;
  const bool kernel = common.identity == kNoIdentity;  // does not say whether it restarted
  const bool same = rpc->peer_identity == kNoIdentity || rpc->peer_identity == common.identity;
  if (kernel && rpc->out.length() > kKernelMessageBytesMax) {
    rpc->peer_says = Executed::kNo;
    lifetimes_.fail(now, *rpc, ErrorCode::kTooLong, true);
    return kConsumed;
  }
  if (!same || (kernel && rpc->heard)) {
    lifetimes_.fail(now, *rpc, ErrorCode::kPeerRestarted, true);
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
void ControlPackets::knows_no_longer(Time now, Rpc& rpc) {
  rpc.silence.unanswered.answered();
  if (now - rpc.silence.last_heard < state_.silence.ticks(state_.config.timeout_ticks)) return;
  lifetimes_.fail(now, rpc, ErrorCode::kCancelled, true);
}

void ControlPackets::begin_again(Time now, Rpc& rpc) {
  state_.silence.begins_again(rpc.silence);
  shorten_if_lost(now, rpc, {0, rpc.out.sent()});
  rpc.out.resend(within_budget(now, rpc, {0, rpc.out.sent()}),
                 transmitter_.data_priority(rpc.out, 0));
  rpc.out.link->queue.update(rpc.out);
}

RxOutcome ControlPackets::on_busy(Time now, Rpc* rpc) {
  trace::add(state_.counters.busy_received);
  if (rpc != nullptr) timeouts_.heard(now, *rpc);
  return kConsumed;
}

RxOutcome ControlPackets::on_cutoffs(Time now, const RxPacket& packet, Peer* peer) {
  const auto cutoffs = wire::parse_cutoffs(packet.bytes);
  if (!cutoffs) return state_.drop(now, DropReason::kMalformed, packet, WireId{});
  trace::add(state_.counters.cutoffs_received);
  if (peer != nullptr) {
    peer->cutoffs = cutoffs->cutoffs;
    peer->cutoff_version = cutoffs->version;
  }
  return kConsumed;
}

RxOutcome ControlPackets::on_need_ack(Time now, const RxPacket& packet, const Parties& who,
                                      const wire::CommonHeader& common) {
  Rpc* rpc = who.rpc;
  trace::add(state_.counters.need_ack_received);
  if (is_client_id(common.sender_id)) return kConsumed;  // only servers need acks
  if (rpc != nullptr) {
    const bool nothing_missing = rpc->in.started() && rpc->in.received() >= rpc->grant.granted;
    const bool ours_to_act = rpc->buffer.waits() || nothing_missing;
    const Duration lately = state_.silence.ticks(state_.config.request_ack_ticks);
    // It overtakes data, so what is missing may be behind it. If it is lost, silence tells.
    if (!ours_to_act && rpc->peer->repairs.arriving(now, lately)) {
      strangers_.say_busy(now, *rpc, identities_.way_back(packet, rpc->peer));
      return kConsumed;
    }
    timeouts_.heard(now, *rpc);
    if (ours_to_act || timeouts_.link_busy(now, lately)) {
      strangers_.say_busy(now, *rpc, identities_.way_back(packet, rpc->peer));
    } else {
      timeouts_.ask_again(now, *rpc);
    }
    return kConsumed;
  }
  if (!strangers_.may_answer(who.peer, wire::kAckBytes)) return kConsumed;
  AckBook none;
  const Way way = identities_.way_back(packet, who.peer);
  state_.controls.ack(now, way, ControlQueue::answer_to(way, common),
                      who.peer == nullptr ? none : who.peer->acks);
  return kConsumed;
}

RxOutcome ControlPackets::on_ack(Time now, const RxPacket& packet, Peer* peer) {
  const auto acks = wire::parse_ack(packet.bytes);
  if (!acks) return state_.drop(now, DropReason::kMalformed, packet, WireId{});
  trace::add(state_.counters.acks_received);
  if (peer == nullptr) return kConsumed;
  lifetimes_.acked(now, *peer, {acks->common.sender_id, acks->common.destination_port});
  for (std::size_t i = 0; i < acks->count; ++i) lifetimes_.acked(now, *peer, acks->acks[i]);
  return kConsumed;
}

RxOutcome ControlPackets::on_error(Time now, const RxPacket& packet, Rpc* rpc) {
  const auto error = wire::parse_error(packet.bytes);
  if (!error) return state_.drop(now, DropReason::kMalformed, packet, WireId{});
  trace::add(state_.counters.errors_received);
  if (rpc == nullptr) return kConsumed;
  if (error->code == raw(ErrorCode::kTooLong)) rpc->peer->message_bytes_max = error->limit;
  const bool known = error->code > raw(ErrorCode::kOk) && error->code <= raw(ErrorCode::kDraining);
  // What an engine says is true for itself; one before it may have executed the request.
  const bool same_engine =
      rpc->peer_identity == kNoIdentity || rpc->peer_identity == error->common.identity;
  if (error->executed <= raw(Executed::kYes) &&
      (same_engine || error->executed != raw(Executed::kNo))) {
    rpc->peer_says = Executed{error->executed};
  }
  lifetimes_.fail(now, *rpc, known ? ErrorCode{error->code} : ErrorCode::kCancelled, true);
  return kConsumed;
}

// The answer is as long as the question and goes back to where that came from: it helps nobody to
// flood another. We show the identity that belongs to the RPC, or to who asks.
RxOutcome ControlPackets::on_challenge(Time now, const RxPacket& packet, const Peer* peer) {
  const auto challenge = wire::parse_challenge(packet.bytes);
  if (!challenge) return state_.drop(now, DropReason::kMalformed, packet, WireId{});
  trace::add(state_.counters.challenges_received);
  state_.controls.answer(now, identities_.way_back(packet, peer), challenge->common,
                         challenge->nonce);
  return kConsumed;
}

RxOutcome ControlPackets::on_answer(Time now, const RxPacket& packet, Peer* peer) {
  const auto answer = wire::parse_answer(packet.bytes);
  if (!answer) return state_.drop(now, DropReason::kMalformed, packet, WireId{});
  trace::add(state_.counters.answers_received);
  identities_.on_answer(now, packet, peer, *answer);
  return kConsumed;
}

RxOutcome ControlPackets::on_query(Time now, const RxPacket& packet, Peer* peer) {
  const auto query = wire::parse_query(packet.bytes);
  if (!query) return state_.drop(now, DropReason::kMalformed, packet, WireId{});
  trace::add(state_.counters.queries_received);
  const wire::CommonHeader& common = query->common;
  if (!is_client_id(common.sender_id)) return kConsumed;  // only clients ask so
  const auto known = [&](const wire::RpcName& name) {
    return peer != nullptr &&
           state_.rpcs.find_served(*peer, name.client_id, name.server_port) != nullptr;
  };
  wire::StatusHeader status;
  const Way way = identities_.way_back(packet, peer);
  status.common = ControlQueue::answer_to(way, common);
  status.count = static_cast<std::uint8_t>(query->count);
  status.rpcs = query->rpcs;
  if (known({common.sender_id, common.destination_port})) status.known = 1;
  for (std::size_t i = 0; i < query->count; ++i) {
    if (known(query->rpcs[i])) status.known = static_cast<std::uint8_t>(status.known | 2U << i);
  }
  if (strangers_.may_answer(peer, wire::kStatusBytes)) state_.controls.status(now, way, status);
  return kConsumed;
}

RxOutcome ControlPackets::on_status(Time now, const RxPacket& packet, Peer* peer) {
  const auto status = wire::parse_status(packet.bytes);
  if (!status) return state_.drop(now, DropReason::kMalformed, packet, WireId{});
  trace::add(state_.counters.status_received);
  if (peer == nullptr) return kConsumed;
  const auto learn = [&](WireId client_id, bool known) {
    Rpc* rpc = state_.rpcs.find_client(client_id);
    if (rpc == nullptr || rpc->peer != peer || rpc->state != Rpc::State::kCalling) return;
    if (known) {
      timeouts_.heard(now, *rpc);
    } else {
      on_unknown(now, rpc, status->common);
    }
  };
  const std::uint32_t bits = status->known;
  learn(other_side(status->common.sender_id), (bits & 1U) != 0);
  for (std::size_t i = 0; i < status->count; ++i) {
    learn(status->rpcs[i].client_id, (bits >> i & 2U) != 0);
  }
  return kConsumed;
}

// Anybody can send an ICMP message. One that quotes a packet of ours comes from who saw that
// packet: it ends the RPC. Any other is a reason to look.
void ControlPackets::on_unreachable(Time now, const Unreachable& what) {
  trace::add(state_.counters.unreachable_received);
  state_.now = now;
  const auto common = wire::parse_common(what.quoted);
  Rpc* rpc = common ? transmitter_.find_quoted(what.peer, *common) : nullptr;
  Peer* peer = rpc != nullptr ? rpc->peer : state_.peers.at(what.peer);
  if (peer == nullptr) return;
  // A client may have moved, and the error be about its former address: what it asked us for ends
  // by its silence only.
  if (rpc != nullptr && rpc->is_client) {
    // Its engine has ended, or there never was one.
    const bool gone = peer->identity != kNoIdentity || rpc->heard;
    const ErrorCode code = what.kind == Unreachable::Kind::kPort ? ErrorCode::kNoSuchSocket
                           : gone                                ? ErrorCode::kPeerGone
                                                                 : ErrorCode::kPeerUnreachable;
    // The request is not whole without the packet, and nothing of it went twice.
    if (common->type == wire::PacketType::kData && rpc->out.sent_again() == 0) {
      rpc->peer_says = Executed::kNo;
    }
    lifetimes_.fail(now, *rpc, code, true);
    if (what.kind == Unreachable::Kind::kPort) return;
  }
  timeouts_.ask_sooner(now, *peer);
}

}  // namespace homa::core
