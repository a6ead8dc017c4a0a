// Whether a peer's host lives, and whether it knows our RPCs: two questions, of which many RPCs
// share one packet (docs/protocol.md#waiting, #who-is-given-up).
#include <algorithm>

#include "core/endpoint_impl.h"

namespace homa::core {
namespace {
constexpr std::size_t kQueriedMost = 1 + wire::kNamesPerPacket;  // by one packet
}  // namespace

// The peer has shown that it knows this RPC of ours, and nothing of it is missing: it waits.
void Endpoint::Impl::watch(Time now, Rpc& rpc) {
  if (rpc.watch_place.in_line()) return;
  rpc.silence.asked = 0;
  rpc.peer->watch.add(now, rpc.watch_place, config_);
  arm_peer(now, *rpc.peer);
}

// It waits no longer; its own timer is armed by whoever knows what follows.
void Endpoint::Impl::unwatch(Rpc& rpc) { rpc.peer->watch.remove(rpc.watch_place); }

// False: its peer was asked enough; this RPC has its turn when those before it had theirs.
bool Endpoint::Impl::may_ask(Time now, Rpc& rpc) {
  Questions& questions = rpc.peer->questions;
  const bool its_turn = questions.line.empty() || questions.turn == &rpc;
  if (its_turn && questions.ask(now, config_.tick)) return true;
  trace::add(counters_.questions_postponed);
  if (!rpc.turn_place.in_line()) questions.line.join(rpc.turn_place);
  arm_peer(now, *rpc.peer);
  return false;
}

// A timer that turns out to be early is harmless.
void Endpoint::Impl::arm_peer(Time now, Peer& peer) {
  Time due = peer.watch.due(peer.liveness, queried_at_once(peer), config_);
  if (!peer.questions.line.empty()) due = std::min(due, now);  // in the next tick
  due = std::min(due, gone_at(peer));
  if (due != kNever) timers_.hasten(now, peer.timer, due);
}

void Endpoint::Impl::check_peer(Time now, Peer& peer) {
  if (peer.liveness.dead(now, config_)) return host_is_dead(now, peer);
  if (gone_at(peer) <= now) return peer_is_gone(now, peer);
  if (peer.watch.due(peer.liveness, queried_at_once(peer), config_) <= now) ask_watched(now, peer);
  while (!peer.questions.line.empty() && peer.questions.may_ask(now, config_.tick)) {
    Rpc& rpc = *peer.questions.line.front();
    peer.questions.line.leave(rpc.turn_place);
    peer.questions.turn = &rpc;
    check(now, rpc);
    peer.questions.turn = nullptr;
  }
  arm_peer(now, peer);
}

// A kernel does not know QUERY.
std::size_t Endpoint::Impl::queried_at_once(const Peer& peer) {
  return peer.identity == kNoIdentity ? 1 : kQueriedMost;
}

bool Endpoint::Impl::may_query(const Rpc& rpc) {
  return rpc.state == Rpc::State::kCalling && rpc.peer->identity != kNoIdentity &&
         rpc.out.all_sent() && !rpc.out.must_resend();
}

void Endpoint::Impl::ask_watched(Time now, Peer& peer) {
  if (!peer.questions.ask(now, config_.tick)) return;
  peer.watch.asked(now, config_);
  peer.liveness.asked(now, config_);
  Rpc& first = peer.watch.next();
  if (queried_at_once(peer) == 1) return ask_again(now, first);
  wire::QueryHeader header;
  header.common = controls_.header_for(first);
  while (header.count < std::min(peer.watch.size(), kQueriedMost) - 1) {
    const Rpc& rpc = peer.watch.next();
    header.rpcs[header.count++] = {rpc.client_id, rpc.peer_port};
  }
  controls_.query(now, peer.way(), header);
}

// Something says that the peer does not live. Each RPC with it has its turn: if that is true, the
// question draws the next such message, and with it the next turn.
void Endpoint::Impl::ask_sooner(Time now, Peer& peer) {
  if (peer.rpcs.empty() || (peer.liveness.in_doubt() && peer.liveness.last_asked() == now)) return;
  Rpc& rpc = *peer.rpcs.front();
  peer.rpcs.rotate();
  const bool waits = rpc.is_client && rpc.out.all_sent() && !rpc.turn_place.in_line();
  if (waits && may_ask(now, rpc)) ask(now, rpc);
}

// About `first`, whose turn it is, and those behind it in the line.
void Endpoint::Impl::query(Time now, Peer& peer, Rpc& first) {
  wire::QueryHeader header;
  header.common = controls_.header_for(first);
  while (header.count < wire::kNamesPerPacket) {
    Rpc* rpc = peer.questions.line.front();
    if (rpc == nullptr || !may_query(*rpc)) break;
    peer.questions.line.leave(rpc->turn_place);
    if (!rpc->heard) {  // else it was heard while it stood there
      header.rpcs[header.count++] = {rpc->client_id, rpc->peer_port};
      note_asked(now, *rpc);
    }
    arm(now, *rpc);
  }
  controls_.query(now, peer.way(), header);
}

RxOutcome Endpoint::Impl::on_query(Time now, const RxPacket& packet, Peer* peer) {
  const auto query = wire::parse_query(packet.bytes);
  if (!query) return drop(now, DropReason::kMalformed, packet, WireId{});
  trace::add(counters_.queries_received);
  const wire::CommonHeader& common = query->common;
  if (!is_client_id(common.sender_id)) return kConsumed;  // only clients ask so
  const auto known = [&](const wire::RpcName& name) {
    return peer != nullptr && rpcs_.find_served(*peer, name.client_id, name.server_port) != nullptr;
  };
  wire::StatusHeader status;
  const Way way = way_back(packet, peer);
  status.common = ControlQueue::answer_to(way, common);
  status.count = static_cast<std::uint8_t>(query->count);
  status.rpcs = query->rpcs;
  if (known({common.sender_id, common.destination_port})) status.known = 1;
  for (std::size_t i = 0; i < query->count; ++i) {
    if (known(query->rpcs[i])) status.known = static_cast<std::uint8_t>(status.known | 2U << i);
  }
  if (may_answer(peer, wire::kStatusBytes)) controls_.status(now, way, status);
  return kConsumed;
}

RxOutcome Endpoint::Impl::on_status(Time now, const RxPacket& packet, Peer* peer) {
  const auto status = wire::parse_status(packet.bytes);
  if (!status) return drop(now, DropReason::kMalformed, packet, WireId{});
  trace::add(counters_.status_received);
  if (peer == nullptr) return kConsumed;
  const auto learn = [&](WireId client_id, bool known) {
    Rpc* rpc = rpcs_.find_client(client_id);
    if (rpc == nullptr || rpc->peer != peer || rpc->state != Rpc::State::kCalling) return;
    if (known) {
      heard(now, *rpc);
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

// It answered none of several questions: all that waits for bytes of it ends. What it asked of us
// and is at work goes on, and responses wait for it to come back (need_ack_give_up).
void Endpoint::Impl::host_is_dead(Time now, Peer& peer) {
  trace::add(counters_.hosts_silent);
  peer.liveness.forget_questions();
  peers_.doubt(peer);
  peer.rpcs.for_each([&](Rpc& rpc) {
    if (rpc.is_client || rpc.state == Rpc::State::kReceiving) {
      fail(now, rpc, ErrorCode::kPeerSilent, true);
    }
  });
  arm_peer(now, peer);
}

}  // namespace homa::core
