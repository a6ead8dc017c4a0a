#include "core/timeouts.h"

#include <algorithm>
#include <cstddef>

namespace homa::core {
namespace {

constexpr std::size_t kGapsPerRound = 64;  // RESENDs in one go; the rest at the next
constexpr std::size_t kQueriedMost = 1 + wire::kNamesPerPacket;  // by one packet

// A kernel does not know QUERY.
std::size_t queried_at_once(const Peer& peer) {
  return peer.identity == kNoIdentity ? 1 : kQueriedMost;
}

bool may_query(const Rpc& rpc) {
  return rpc.state == Rpc::State::kCalling && rpc.peer->identity != kNoIdentity &&
         rpc.out.all_sent() && !rpc.out.must_resend();
}

}  // namespace

void Timeouts::on_time(Time now) {
  while (Timer* timer = state_.timers.expire(now)) {
    if (timer->rpc != nullptr) {
      check(now, *timer->rpc);
    } else {
      check_peer(now, *timer->peer);
    }
  }
}

void Timeouts::heard(Time now, Rpc& rpc) {
  rpc.silence.last_heard = now;
  rpc.silence.postponed = 0;
  rpc.silence.unanswered.answered();
  // Of a response that is sent: NEED_ACKs back off further.
  if (rpc.state != Rpc::State::kReplying) rpc.silence.asked = 0;
  if (!rpc.heard) {
    rpc.heard = true;
    if (rpc.peer_identity == kNoIdentity) rpc.peer_identity = rpc.peer->identity;
  }
  if (rpc.grant.silent) state_.grants.set_silent(rpc.grant, false);
}

// What was sent to a client at its former address is lost: it is asked for what is missing of its
// request, and whether it has the response.
void Timeouts::look_after_move(Time now, Rpc& rpc) {
  if (rpc.is_client) return;
  if (rpc.state == Rpc::State::kReplying) {
    rpc.silence.next_need_ack = now;
    state_.timers.arm(now, rpc.timer, now);
  } else if (rpc.buffer.held && rpc.in.received() < rpc.grant.granted && may_ask(now, rpc)) {
    ask(now, rpc);
    state_.arm(now, rpc);
  }
}

void Timeouts::check(Time now, Rpc& rpc) {
  if (rpc.buffer.waits()) {
    if (waited_too_long(now, rpc)) return;
    if (!rpc.is_client) {  // its client asks
      const Time limit = rpc.waiting_since + state_.config.buffer_wait_max;
      const Duration later = std::max(state_.config.buffer_wait_max, state_.config.tick);
      return state_.timers.arm(now, rpc.timer, limit > now ? limit : now + later);
    }
  }
  if (rpc.is_client || rpc.state == Rpc::State::kReceiving) {
    check_receiver(now, rpc);
  } else if (rpc.state == Rpc::State::kReplying) {
    check_replier(now, rpc);
  }  // kServing: the application takes the time it takes
}

// There was no room for its message. Who waits long for that learns why.
bool Timeouts::waited_too_long(Time now, Rpc& rpc) {
  if (now - rpc.waiting_since < state_.config.buffer_wait_max) return false;
  if (state_.config.wait_for_memory || rpc.port->account->waits_for_memory) {
    // A server that is silent is asked; the client of a request is expected to ask.
    const Duration silence = now - rpc.peer->liveness.last_heard();
    if (rpc.is_client || silence < state_.config.need_ack_give_up) return false;
  }
  trace::add(state_.counters.buffer_waits_given_up);
  strangers_.tell_end(now, rpc, rpc.is_client ? ErrorCode::kCancelled : ErrorCode::kOverloaded);
  lifetimes_.fail(now, rpc, ErrorCode::kNoMemory, true);
  return true;
}

// Others wait for memory, and this message comes too slowly to keep its own.
bool Timeouts::gives_way(Time now, Rpc& rpc) {
  if (!rpc.in.started() || !rpc.buffer.held) return false;
  Progress::Seen seen;
  seen.received = rpc.in.received();
  seen.may_send = rpc.in.received() < rpc.grant.granted;
  seen.from_peer = rpc.peer->repairs.arrived_ever();
  if (rpc.buffer.peer != nullptr) seen.of_peer = rpc.buffer.peer->messages;
  const bool slow = rpc.progress.too_slow(now, seen, state_.config.receive_rate_min);
  if (!slow || !rpc.port->account->pool.waiting()) return false;
  trace::add(state_.counters.messages_too_slow);
  strangers_.tell_end(now, rpc, rpc.is_client ? ErrorCode::kCancelled : ErrorCode::kTooSlow);
  lifetimes_.fail(now, rpc, ErrorCode::kTooSlow, true);
  return true;
}

void Timeouts::check_receiver(Time now, Rpc& rpc) {
  if (gives_way(now, rpc)) return;
  Silence::Receiver known;
  known.last_sent = rpc.out.last_sent();
  known.ours_to_act = rpc.in.started()
                          ? rpc.buffer.waits() || rpc.in.received() >= rpc.grant.granted
                          : rpc.out.waits_for_us();
  known.acknowledged = rpc.state == Rpc::State::kCalling && rpc.heard;
  known.link_busy = link_busy(now, state_.silence.link_memory());
  known.host = &rpc.peer->liveness;
  known.repairs = &rpc.peer->repairs;
  const Silence::Verdict verdict = state_.silence.receiver(now, rpc.silence, known);
  if (verdict.unresponsive) state_.grants.set_silent(rpc.grant, true);
  switch (verdict.action) {
    case Silence::Action::kWatch: return watch(now, rpc);
    case Silence::Action::kHostIsDead: return host_is_dead(now, *rpc.peer);
    case Silence::Action::kTimeOut:
      if (rpc.is_client) strangers_.tell_end(now, rpc, ErrorCode::kCancelled);
      return lifetimes_.fail(now, rpc, ErrorCode::kPeerSilent, true);
    case Silence::Action::kAsk:
      if (!may_ask(now, rpc)) return;
      ask(now, rpc);
      return state_.arm(now, rpc);
    case Silence::Action::kPostpone: trace::add(state_.counters.resends_postponed); break;
    case Silence::Action::kAwaitRepair: trace::add(state_.counters.repairs_awaited); break;
    default: break;
  }
  state_.timers.arm(now, rpc.timer, verdict.next);
}

void Timeouts::check_replier(Time now, Rpc& rpc) {
  Silence::Replier known;
  known.last_sent = rpc.out.last_sent();
  known.all_sent = rpc.out.all_sent() && !rpc.out.must_resend();
  known.ours_to_act = rpc.out.waits_for_us();
  known.host_heard = rpc.peer->liveness.last_heard();
  const Silence::Verdict verdict = state_.silence.replier(now, rpc.silence, known);
  if (verdict.action == Silence::Action::kForget) {
    trace::add(state_.counters.need_ack_given_up);
    return lifetimes_.end(now, rpc);
  }
  if (verdict.action == Silence::Action::kAsk) {
    if (!may_ask(now, rpc)) return;
    if (strangers_.may_send_to(*rpc.peer, wire::kCommonHeaderBytes))
      state_.controls.need_ack(now, rpc);
    state_.silence.replier_asked(now, rpc.silence, known);
    return state_.timers.arm(now, rpc.timer, rpc.silence.next_need_ack);
  }
  state_.timers.arm(now, rpc.timer, verdict.next);
}

// What is missing of an RPC, or whether it is known at all.
void Timeouts::ask(Time now, Rpc& rpc) {
  note_asked(now, rpc);
  if (may_query(rpc) && !rpc.peer->questions.line.empty()) {
    query(now, *rpc.peer, rpc);
  } else {
    ask_again(now, rpc);
  }
}

void Timeouts::note_asked(Time now, Rpc& rpc) {
  rpc.peer->liveness.asked(now, state_.config);
  state_.silence.receiver_asked(now, rpc.silence);
}

// One RESEND per gap and one for the granted tail; for everything when nothing came.
void Timeouts::ask_again(Time now, Rpc& rpc) {
  const auto may_ask_for_bytes = [&] {
    return rpc.is_client || strangers_.may_send_to(*rpc.peer, wire::kResendBytes);
  };
  if (!rpc.in.started() || rpc.in.end() == 0) {
    if (may_ask_for_bytes()) state_.controls.resend_everything(now, rpc);
    return;
  }
  std::uint64_t bytes = 0;
  const auto ask_for = [&](ByteRange missing) {
    if (!may_ask_for_bytes()) return;
    state_.controls.resend(now, rpc, missing);
    bytes += missing.size();
  };
  const auto gaps = rpc.in.gaps();
  for (std::size_t i = 0; i < std::min(gaps.size(), kGapsPerRound); ++i) ask_for(gaps[i]);
  if (rpc.in.end() < rpc.grant.granted) ask_for({rpc.in.end(), rpc.grant.granted});
  if (bytes > 0) rpc.silence.repair = rpc.peer->repairs.asked(bytes, state_.grants.incoming());
}

// The peer has shown that it knows this RPC of ours, and nothing of it is missing: it waits.
void Timeouts::watch(Time now, Rpc& rpc) {
  if (rpc.watch_place.in_line()) return;
  rpc.silence.asked = 0;
  rpc.peer->watch.add(now, rpc.watch_place, state_.config);
  arm_peer(now, *rpc.peer);
}

// False: its peer was asked enough; this RPC has its turn when those before it had theirs.
bool Timeouts::may_ask(Time now, Rpc& rpc) {
  Questions& questions = rpc.peer->questions;
  const bool its_turn = questions.line.empty() || questions.turn == &rpc;
  if (its_turn && questions.ask(now, state_.config.tick)) return true;
  trace::add(state_.counters.questions_postponed);
  if (!rpc.turn_place.in_line()) questions.line.join(rpc.turn_place);
  arm_peer(now, *rpc.peer);
  return false;
}

// A timer that turns out to be early is harmless.
void Timeouts::arm_peer(Time now, Peer& peer) {
  Time due = peer.watch.due(peer.liveness, queried_at_once(peer), state_.config);
  if (!peer.questions.line.empty()) due = std::min(due, now);  // in the next tick
  due = std::min(due, gone_at(peer));
  if (due != kNever) state_.timers.hasten(now, peer.timer, due);
}

void Timeouts::check_peer(Time now, Peer& peer) {
  if (peer.liveness.dead(now, state_.config)) return host_is_dead(now, peer);
  if (gone_at(peer) <= now) return peer_is_gone(now, peer);
  if (peer.watch.due(peer.liveness, queried_at_once(peer), state_.config) <= now)
    ask_watched(now, peer);
  while (!peer.questions.line.empty() && peer.questions.may_ask(now, state_.config.tick)) {
    Rpc& rpc = *peer.questions.line.front();
    peer.questions.line.leave(rpc.turn_place);
    peer.questions.turn = &rpc;
    check(now, rpc);
    peer.questions.turn = nullptr;
  }
  arm_peer(now, peer);
}

void Timeouts::ask_watched(Time now, Peer& peer) {
  if (!peer.questions.ask(now, state_.config.tick)) return;
  peer.watch.asked(now, state_.config);
  peer.liveness.asked(now, state_.config);
  Rpc& first = peer.watch.next();
  if (queried_at_once(peer) == 1) return ask_again(now, first);
  wire::QueryHeader header;
  header.common = ControlQueue::header_for(first);
  while (header.count < std::min(peer.watch.size(), kQueriedMost) - 1) {
    const Rpc& rpc = peer.watch.next();
    header.rpcs[header.count++] = {rpc.client_id, rpc.peer_port};
  }
  state_.controls.query(now, peer.way(), header);
}

// Something says that the peer does not live. Each RPC with it has its turn: if that is true, the
// question draws the next such message, and with it the next turn.
void Timeouts::ask_sooner(Time now, Peer& peer) {
  if (peer.rpcs.empty() || (peer.liveness.in_doubt() && peer.liveness.last_asked() == now)) return;
  Rpc& rpc = *peer.rpcs.front();
  peer.rpcs.rotate();
  const bool waits = rpc.is_client && rpc.out.all_sent() && !rpc.turn_place.in_line();
  if (waits && may_ask(now, rpc)) ask(now, rpc);
}

// About `first`, whose turn it is, and those behind it in the line.
void Timeouts::query(Time now, Peer& peer, Rpc& first) {
  wire::QueryHeader header;
  header.common = ControlQueue::header_for(first);
  while (header.count < wire::kNamesPerPacket) {
    Rpc* rpc = peer.questions.line.front();
    if (rpc == nullptr || !may_query(*rpc)) break;
    peer.questions.line.leave(rpc->turn_place);
    if (!rpc->heard) {  // else it was heard while it stood there
      header.rpcs[header.count++] = {rpc->client_id, rpc->peer_port};
      note_asked(now, *rpc);
    }
    state_.arm(now, *rpc);
  }
  state_.controls.query(now, peer.way(), header);
}

// It answered none of several questions: all that waits for bytes of it ends. What it asked of us
// and is at work goes on, and responses wait for it to come back (need_ack_give_up).
void Timeouts::host_is_dead(Time now, Peer& peer) {
  trace::add(state_.counters.hosts_silent);
  peer.liveness.forget_questions();
  state_.peers.doubt(peer);
  peer.rpcs.for_each([&](Rpc& rpc) {
    if (rpc.is_client || rpc.state == Rpc::State::kReceiving) {
      lifetimes_.fail(now, rpc, ErrorCode::kPeerSilent, true);
    }
  });
  arm_peer(now, peer);
}

// Any living client asks for its responses that often.
Time Timeouts::gone_at(const Peer& peer) const {
  if (!peer.replaced || peer.rpcs.empty()) return kNever;
  return *peer.replaced + state_.config.question_interval_max +
         state_.config.tick * state_.config.timeout_ticks;
}

void Timeouts::peer_is_gone(Time now, Peer& peer) {
  peer.rpcs.for_each([&](Rpc& rpc) { lifetimes_.fail(now, rpc, ErrorCode::kPeerRestarted, true); });
}

}  // namespace homa::core
