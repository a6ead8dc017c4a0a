// Who sent a packet, and where that host is (docs/protocol.md#identity).
#include "core/endpoint_impl.h"

namespace homa::core {

// As whom we answer a packet that may belong to nothing, and where: to its sender, which gets no
// more than it sent.
Way Endpoint::Impl::way_back(const RxPacket& packet, const Peer* peer) const {
  return {packet.source, packet.path,
          peer != nullptr ? peer->self : peers_.self_towards(packet.source)};
}

// Of a packet whose host cannot show an identity: is there one of ours at its address?
bool Endpoint::Impl::belongs_to_ours(Time now, const Address& address) {
  const Peer* here = peers_.at(address);
  return here != nullptr && here->identity != kNoIdentity && here->proved &&
         now - here->liveness.last_heard() < config_.need_ack_give_up;
}

// The known host that sent the packet, or nullptr.
Peer* Endpoint::Impl::sender(Time now, const RxPacket& packet, const wire::CommonHeader& common) {
  if (common.identity == kNoIdentity && belongs_to_ours(now, packet.source)) return nullptr;
  return peers_.find(common.identity, packet.source);
}

// A record of a host that is not known. nullptr: there is no room for it.
Peer* Endpoint::Impl::newcomer(Time now, const Address& from, Identity identity) {
  Peer* here = peers_.at(from);
  // We called it before it called us, and it has not answered yet.
  const bool called =
      here != nullptr && here->identity == kNoIdentity && !here->heard() && !here->was_proved;
  if (!called || identity == kNoIdentity) return new_peer(now, identity, from);
  peers_.name(*here, identity);
  return here;
}

// Whose packet it is, and which RPC of both it is about.
Endpoint::Impl::Parties Endpoint::Impl::parties(Time now, const RxPacket& packet,
                                                const wire::CommonHeader& common) {
  Parties who;
  if (is_client_id(common.sender_id)) {
    who.peer = sender(now, packet, common);
    if (who.peer != nullptr) {
      who.rpc = rpcs_.find_served(*who.peer, common.sender_id, common.destination_port);
    }
  } else if (Rpc* rpc = rpcs_.find_client(other_side(common.sender_id))) {
    who = answered(now, *rpc, packet, common);
  } else {
    who.peer = sender(now, packet, common);
  }
  if (who.peer != nullptr) {
    note_packet_of(now, *who.peer, packet, common);
  } else if (common.identity == kNoIdentity) {
    who.refused = who.refused || belongs_to_ours(now, packet.source);
  }
  if (who.rpc != nullptr && who.rpc->port->closing) {
    end_closed(now, *who.rpc);
    who.rpc = nullptr;
  }
  return who;
}

// A packet about an RPC of ours must come from its server. Only who gets what we send to the server
// knows the id.
Endpoint::Impl::Parties Endpoint::Impl::answered(Time now, Rpc& rpc, const RxPacket& packet,
                                                 const wire::CommonHeader& common) {
  constexpr Parties kRefused{nullptr, nullptr, true};
  if (rpc.local_port != common.destination_port || rpc.peer_port != common.source_port) {
    return kRefused;
  }
  Peer& peer = *rpc.peer;
  const bool there = peer.address == packet.source;
  if (peer.identity == common.identity && (there || common.identity != kNoIdentity)) {
    if (!peer.proved && there && peer.settled()) address_proved(now, peer);
    return {&peer, &rpc, false};
  }
  if (!there) return kRefused;
  if (peer.identity == kNoIdentity) {  // its first answer, or ours took the place of a kernel
    peers_.name(peer, common.identity);
    if (peer.settled()) address_proved(now, peer);
    return {&peer, &rpc, false};
  }
  if (common.identity == kNoIdentity && peer.proved) return kRefused;
  if (common.identity == rpc.peer_identity) return kRefused;  // late, from before the last restart
  // Ids towards one host can be guessed by who saw an earlier one.
  if (peer.proved && !is_called_at(common.identity, peer.address)) {
    if (common.type == wire::PacketType::kAnswer || common.type == wire::PacketType::kChallenge) {
      return {peers_.find(common.identity, packet.source), nullptr, false};
    }
    question(now, peer, ControlQueue::answer_to(peer.way(), common));
    return kRefused;
  }
  return answered_by_another(now, rpc, common);
}

// A known host is at that address, and has proved it.
bool Endpoint::Impl::is_called_at(Identity identity, const Address& address) {
  const Peer* here = peers_.at(address);
  return here != nullptr && here->identity == identity && here->proved;
}

// Another host than the RPC's knows the RPC, and it is at the same address.
Endpoint::Impl::Parties Endpoint::Impl::answered_by_another(Time now, Rpc& rpc,
                                                            const wire::CommonHeader& common) {
  constexpr Parties kRefused{nullptr, nullptr, true};
  Peer& former = *rpc.peer;
  const bool known_there = rpc.heard;
  Peer* peer = peers_.find(common.identity, former.address);
  if (peer == nullptr) peer = new_peer(now, common.identity, former.address);
  if (peer == nullptr || peer->address != former.address) return kRefused;
  take_place(now, *peer);
  address_proved(now, *peer);
  if (!known_there) {
    join(now, rpc, *peer);
    return {peer, &rpc, false};
  }
  // What the former one did with it, nobody can say.
  const bool ended = rpc.state == Rpc::State::kFree;
  if (!ended) fail(now, rpc, ErrorCode::kPeerRestarted, true);
  return {peer, nullptr, false};
}

// An RPC of ours that its server has not answered is another host's from now on.
void Endpoint::Impl::join(Time now, Rpc& rpc, Peer& peer) {
  Peer& former = *rpc.peer;
  if (rpc.peer_identity == kNoIdentity && former.was_proved) rpc.peer_identity = former.identity;
  unwatch(rpc);
  former.questions.line.leave(rpc.turn_place);
  former.rpcs.leave(rpc.peer_place);
  peer.rpcs.join(rpc.peer_place);
  rpc.peer = &peer;
  ask_path(peer);
  arm(now, rpc);
}

void Endpoint::Impl::note_packet_of(Time now, Peer& peer, const RxPacket& packet,
                                    const wire::CommonHeader& common) {
  if (!config_.canary_deaf) peer.liveness.heard(now);
  peer.replaced.reset();
  if (packet.source == peer.address) {
    peer.path = packet.path;
    if (!peer.proved) peer.credit.received(packet.bytes.size());
    const bool answers = common.type == wire::PacketType::kAnswer;
    if (!peer.settled() && !peer.proved && !answers) claim(now, peer, common);
    return;
  }
  // It seems to have moved. What was sent to where it was will be asked for again.
  const Duration interval = config_.tick * config_.resend_interval;
  if (const auto nonce = peer.move.ask(now, packet.source, interval, random_())) {
    const Way there = way_back(packet, &peer);
    controls_.challenge(now, there, ControlQueue::answer_to(there, common), *nonce);
  }
}

// A host that has not proved to be where it seems to be. If another one was called there, and has
// something to lose, this one is asked.
void Endpoint::Impl::claim(Time now, Peer& peer, const wire::CommonHeader& common) {
  Peer* here = peers_.at(peer.address);
  if (here == nullptr) {
    peers_.settle(peer, peer.address);
  } else if (!here->rpcs.empty() && here->heard()) {
    question(now, peer, ControlQueue::answer_to(peer.way(), common));
  }
}

// A packet of a host without a record, from an address where we know another. If that has something
// to lose, whoever is there is asked. Nothing is remembered of who claims to be there.
void Endpoint::Impl::contest(Time now, const RxPacket& packet, const wire::CommonHeader& common) {
  Peer* here = peers_.at(packet.source);
  if (here == nullptr || here->rpcs.empty() || !here->heard()) return;
  question(now, *here, ControlQueue::answer_to(here->way(), common));
}

void Endpoint::Impl::question(Time now, Peer& here, const wire::CommonHeader& about) {
  const Duration interval = config_.tick * config_.resend_interval;
  const auto nonce = here.challenge.ask(now, here.address, interval, random_());
  if (nonce && may_send_to(here, wire::kChallengeBytes)) {
    controls_.challenge(now, here.way(), about, *nonce);
  }
}

// Asks whether `peer` receives at its address, unless it was asked a moment ago. `about`: a header
// as we would send it to the peer, about any RPC with it. A kernel would not answer.
void Endpoint::Impl::challenge(Time now, Peer& peer, const wire::CommonHeader& about) {
  if (!peer.proved && peer.identity != kNoIdentity) question(now, peer, about);
}

// The answer is as long as the question and goes back to where that came from: it helps nobody to
// flood another. We show the identity that belongs to the RPC, or to who asks.
RxOutcome Endpoint::Impl::on_challenge(Time now, const RxPacket& packet, const Peer* peer) {
  const auto challenge = wire::parse_challenge(packet.bytes);
  if (!challenge) return drop(now, DropReason::kMalformed, packet, WireId{});
  trace::add(counters_.challenges_received);
  controls_.answer(now, way_back(packet, peer), challenge->common, challenge->nonce);
  return kConsumed;
}

RxOutcome Endpoint::Impl::on_answer(Time now, const RxPacket& packet, Peer* peer) {
  const auto answer = wire::parse_answer(packet.bytes);
  if (!answer) return drop(now, DropReason::kMalformed, packet, WireId{});
  trace::add(counters_.answers_received);
  const std::uint64_t nonce = answer->nonce;
  if (answer->common.identity == kNoIdentity) return kConsumed;
  if (peer != nullptr && peer->move.answered(packet.source, nonce)) {
    moved(now, *peer, packet);
  } else if (peer != nullptr && peer->challenge.answered(packet.source, nonce)) {
    address_proved(now, *peer);
  } else if (Peer* here = peers_.at(packet.source);
             here != nullptr && here->challenge.answered(packet.source, nonce)) {
    answered_there(now, *here, packet, peer, answer->common.identity);
  }
  return kConsumed;
}

// It was asked who is at the address of `here`, and another host has answered.
void Endpoint::Impl::answered_there(Time now, Peer& here, const RxPacket& packet, Peer* peer,
                                    Identity identity) {
  if (peer == nullptr && here.identity == kNoIdentity && !here.was_proved) {
    peers_.name(here, identity);  // the one whom we called there, whose first answer this is
    return address_proved(now, here);
  }
  if (peer == nullptr) peer = newcomer(now, packet.source, identity);
  if (peer == nullptr) return;
  if (peer->address != packet.source) return moved(now, *peer, packet);
  take_place(now, *peer);
  address_proved(now, *peer);
}

// What we send to the peer's address reaches the peer.
void Endpoint::Impl::address_proved(Time now, Peer& peer) {
  if (!peer.settled()) {
    // Two hosts that are both heard share the address. Then it stays the first one's.
    const Peer* here = peers_.at(peer.address);
    const bool shared = here != nullptr && here->liveness.last_heard() > peer.challenge.asked();
    if (!shared) take_place(now, peer);
  }
  if (peer.proved) return;
  peers_.prove(peer);
  trace::add(counters_.addresses_proved);
  let_go(peer);
}

void Endpoint::Impl::take_place(Time now, Peer& peer) {
  Peer* former = peers_.settle(peer, peer.address);
  if (former != nullptr) succeeded(now, *former);
}

// The same host at another address: what is sent to it follows. Who was at that address before may
// have moved as well.
void Endpoint::Impl::moved(Time now, Peer& peer, const RxPacket& packet) {
  trace::add(counters_.peers_moved);
  Peer* former = peers_.settle(peer, packet.source);
  if (former != nullptr) peers_.doubt(*former);
  peer.path = packet.path;
  peer.mtu = PathMtu{};
  peer.path_asked = 0;
  ask_path(peer);
  address_proved(now, peer);
  peer.rpcs.for_each([&](Rpc& rpc) { look_after_move(now, rpc); });
}

// What was sent to a client at its former address is lost: it is asked for what is missing of its
// request, and whether it has the response.
void Endpoint::Impl::look_after_move(Time now, Rpc& rpc) {
  if (rpc.is_client) return;
  if (rpc.state == Rpc::State::kReplying) {
    rpc.silence.next_need_ack = now;
    timers_.arm(now, rpc.timer, now);
  } else if (rpc.buffer.held && rpc.in.received() < rpc.grant.granted && may_ask(now, rpc)) {
    ask(now, rpc);
    arm(now, rpc);
  }
}

// Another host is at its address: most likely its engine was started anew. What it was asked to do
// will not be answered. What it asked for waits for a while: it may have got another address.
void Endpoint::Impl::succeeded(Time now, Peer& former) {
  trace::add(counters_.peers_restarted);
  peers_.doubt(former);
  former.replaced = now;
  former.rpcs.for_each([&](Rpc& rpc) {
    if (!rpc.is_client) return;
    if (rpc.heard) return fail(now, rpc, ErrorCode::kPeerRestarted, true);
    // One that it never answered may be on its way to its successor, or be answered by that.
    if (rpc.out.all_sent() && !rpc.turn_place.in_line() && may_ask(now, rpc)) ask(now, rpc);
  });
  arm_peer(now, former);
}

// Any living client asks for its responses that often.
Time Endpoint::Impl::gone_at(const Peer& peer) const {
  if (!peer.replaced || peer.rpcs.empty()) return kNever;
  return *peer.replaced + config_.question_interval_max + config_.tick * config_.timeout_ticks;
}

void Endpoint::Impl::peer_is_gone(Time now, Peer& peer) {
  peer.rpcs.for_each([&](Rpc& rpc) { fail(now, rpc, ErrorCode::kPeerRestarted, true); });
}

}  // namespace homa::core
