#include "core/identities.h"

namespace homa::core {

// To its sender, which gets no more than it sent.
Way Identities::way_back(const RxPacket& packet, const Peer* peer) const {
  return {packet.source, packet.path,
          peer != nullptr ? peer->self : state_.peers.self_towards(packet.source)};
}

bool Identities::belongs_to_ours(Time now, const Address& address) {
  const Peer* here = state_.peers.at(address);
  return here != nullptr && here->identity != kNoIdentity && here->proved &&
         now - here->liveness.last_heard() < state_.config.need_ack_give_up;
}

Peer* Identities::sender(Time now, const RxPacket& packet, const wire::CommonHeader& common) {
  if (common.identity == kNoIdentity && belongs_to_ours(now, packet.source)) return nullptr;
  return state_.peers.find(common.identity, packet.source);
}

Peer* Identities::newcomer(Time now, const Address& from, Identity identity) {
  Peer* here = state_.peers.at(from);
  // We called it before it called us, and it has not answered yet.
  const bool called =
      here != nullptr && here->identity == kNoIdentity && !here->heard() && !here->was_proved;
  if (!called || identity == kNoIdentity) return lifetimes_.new_peer(now, identity, from);
  state_.peers.name(*here, identity);
  return here;
}

Parties Identities::parties(Time now, const RxPacket& packet, const wire::CommonHeader& common) {
  Parties who;
  if (is_client_id(common.sender_id)) {
    who.peer = sender(now, packet, common);
    if (who.peer != nullptr) {
      who.rpc = state_.rpcs.find_served(*who.peer, common.sender_id, common.destination_port);
    }
  } else if (Rpc* rpc = state_.rpcs.find_client(other_side(common.sender_id))) {
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
    lifetimes_.end_closed(now, *who.rpc);
    who.rpc = nullptr;
  }
  return who;
}

// A packet about an RPC of ours must come from its server. Only who gets what we send to the server
// knows the id.
[[gnu::always_inline]] inline Parties Identities::answered(Time now, Rpc& rpc,
                                                           const RxPacket& packet,
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
    state_.peers.name(peer, common.identity);
    if (peer.settled()) address_proved(now, peer);
    return {&peer, &rpc, false};
  }
  if (common.identity == kNoIdentity && peer.proved) return kRefused;
  if (common.identity == rpc.peer_identity) return kRefused;  // late, from before the last restart
  // Ids towards one host can be guessed by who saw an earlier one.
  if (peer.proved && !is_called_at(common.identity, peer.address)) {
    if (common.type == wire::PacketType::kAnswer || common.type == wire::PacketType::kChallenge) {
      return {state_.peers.find(common.identity, packet.source), nullptr, false};
    }
    strangers_.question(now, peer, ControlQueue::answer_to(peer.way(), common));
    return kRefused;
  }
  return answered_by_another(now, rpc, common);
}

// A known host is at that address, and has proved it.
bool Identities::is_called_at(Identity identity, const Address& address) {
  const Peer* here = state_.peers.at(address);
  return here != nullptr && here->identity == identity && here->proved;
}

// Another host than the RPC's knows the RPC, and it is at the same address.
Parties Identities::answered_by_another(Time now, Rpc& rpc, const wire::CommonHeader& common) {
  constexpr Parties kRefused{nullptr, nullptr, true};
  Peer& former = *rpc.peer;
  const bool known_there = rpc.heard;
  Peer* peer = state_.peers.find(common.identity, former.address);
  if (peer == nullptr) peer = lifetimes_.new_peer(now, common.identity, former.address);
  if (peer == nullptr || peer->address != former.address) return kRefused;
  take_place(now, *peer);
  address_proved(now, *peer);
  if (!known_there) {
    join(now, rpc, *peer);
    return {peer, &rpc, false};
  }
  // What the former one did with it, nobody can say.
  const bool ended = rpc.state == Rpc::State::kFree;
  if (!ended) lifetimes_.fail(now, rpc, ErrorCode::kPeerRestarted, true);
  return {peer, nullptr, false};
}

// An RPC of ours that its server has not answered is another host's from now on.
void Identities::join(Time now, Rpc& rpc, Peer& peer) {
  Peer& former = *rpc.peer;
  if (rpc.peer_identity == kNoIdentity && former.was_proved) rpc.peer_identity = former.identity;
  rpc.unwatch();
  former.questions.line.leave(rpc.turn_place);
  former.rpcs.leave(rpc.peer_place);
  peer.rpcs.join(rpc.peer_place);
  rpc.peer = &peer;
  transmitter_.ask_path(peer);
  state_.arm(now, rpc);
}

void Identities::note_packet_of(Time now, Peer& peer, const RxPacket& packet,
                                const wire::CommonHeader& common) {
  if (!state_.config.canary_deaf) peer.liveness.heard(now);
  peer.replaced.reset();
  if (packet.source == peer.address) [[likely]] {
    peer.path = packet.path;
    if (!peer.proved) [[unlikely]]
      note_stranger(now, peer, packet, common);
    return;
  }
  note_move(now, peer, packet, common);
}

// A packet of a host that has not proved its address came from there.
void Identities::note_stranger(Time now, Peer& peer, const RxPacket& packet,
                               const wire::CommonHeader& common) {
  if (packet.same_host) return address_proved(now, peer);  // that is us
  peer.credit.received(packet.size());
  const bool answers = common.type == wire::PacketType::kAnswer;
  if (!peer.settled() && !answers) claim(now, peer, common);
}

// It seems to have moved. What was sent to where it was will be asked for again.
void Identities::note_move(Time now, Peer& peer, const RxPacket& packet,
                           const wire::CommonHeader& common) {
  const Duration interval = state_.config.tick * state_.config.resend_interval;
  if (const auto nonce = peer.move.ask(now, packet.source, interval, state_.random())) {
    const Way there = way_back(packet, &peer);
    state_.controls.challenge(now, there, ControlQueue::answer_to(there, common), *nonce);
  }
}

// A host that has not proved to be where it seems to be. If another one was called there, and has
// something to lose, this one is asked.
void Identities::claim(Time now, Peer& peer, const wire::CommonHeader& common) {
  Peer* here = state_.peers.at(peer.address);
  if (here == nullptr) {
    state_.peers.settle(peer, peer.address);
  } else if (!here->rpcs.empty() && here->heard()) {
    strangers_.question(now, peer, ControlQueue::answer_to(peer.way(), common));
  }
}

// A packet of a host without a record, from an address where we know another. If that has something
// to lose, whoever is there is asked. Nothing is remembered of who claims to be there.
void Identities::contest(Time now, const RxPacket& packet, const wire::CommonHeader& common) {
  Peer* here = state_.peers.at(packet.source);
  if (here == nullptr || here->rpcs.empty() || !here->heard()) return;
  strangers_.question(now, *here, ControlQueue::answer_to(here->way(), common));
}

// It was asked who is at the address of `here`, and another host has answered.
void Identities::answered_there(Time now, Peer& here, const RxPacket& packet, Peer* peer,
                                Identity identity) {
  if (peer == nullptr && here.identity == kNoIdentity && !here.was_proved) {
    state_.peers.name(here, identity);  // the one whom we called there, whose first answer this is
    return address_proved(now, here);
  }
  if (peer == nullptr) peer = newcomer(now, packet.source, identity);
  if (peer == nullptr) return;
  if (peer->address != packet.source) return moved(now, *peer, packet);
  take_place(now, *peer);
  address_proved(now, *peer);
}

// What we send to the peer's address reaches the peer.
void Identities::address_proved(Time now, Peer& peer) {
  if (!peer.settled()) {
    // Two hosts that are both heard share the address. Then it stays the first one's.
    const Peer* here = state_.peers.at(peer.address);
    const bool shared = here != nullptr && here->liveness.last_heard() > peer.challenge.asked();
    if (!shared) take_place(now, peer);
  }
  if (peer.proved) return;
  state_.peers.prove(peer);
  trace::add(state_.counters.addresses_proved);
  strangers_.let_go(peer);
}

void Identities::take_place(Time now, Peer& peer) {
  Peer* former = state_.peers.settle(peer, peer.address);
  if (former != nullptr) succeeded(now, *former);
}

// The same host at another address: what is sent to it follows. Who was at that address before may
// have moved as well.
void Identities::moved(Time now, Peer& peer, const RxPacket& packet) {
  trace::add(state_.counters.peers_moved);
  Peer* former = state_.peers.settle(peer, packet.source);
  if (former != nullptr) state_.peers.doubt(*former);
  peer.path = packet.path;
  peer.mtu = PathMtu{};
  peer.path_asked = 0;
  transmitter_.ask_path(peer);
  address_proved(now, peer);
  peer.rpcs.for_each([&](Rpc& rpc) { timeouts_.look_after_move(now, rpc); });
}

// Another host is at its address: most likely its engine was started anew. What it was asked to do
// will not be answered. What it asked for waits for a while: it may have got another address.
void Identities::succeeded(Time now, Peer& former) {
  trace::add(state_.counters.peers_restarted);
  state_.peers.doubt(former);
  former.replaced = now;
  former.rpcs.for_each([&](Rpc& rpc) {
    if (!rpc.is_client) return;
    if (rpc.heard) return lifetimes_.fail(now, rpc, ErrorCode::kPeerRestarted, true);
    // One that it never answered may be on its way to its successor, or be answered by that.
    if (rpc.out.all_sent() && !rpc.turn_place.in_line() && timeouts_.may_ask(now, rpc))
      timeouts_.ask(now, rpc);
  });
  timeouts_.arm_peer(now, former);
}

void Identities::on_answer(Time now, const RxPacket& packet, Peer* peer,
                           const wire::AnswerHeader& answer) {
  const std::uint64_t nonce = answer.nonce;
  if (answer.common.identity == kNoIdentity) return;
  if (peer != nullptr && peer->move.answered(packet.source, nonce)) {
    moved(now, *peer, packet);
  } else if (peer != nullptr && peer->challenge.answered(packet.source, nonce)) {
    address_proved(now, *peer);
  } else if (Peer* here = state_.peers.at(packet.source);
             here != nullptr && here->challenge.answered(packet.source, nonce)) {
    answered_there(now, *here, packet, peer, answer.common.identity);
  }
}

}  // namespace homa::core
