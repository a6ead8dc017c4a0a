#include "core/strangers.h"

#include <algorithm>

#include "core/uplinks.h"

namespace homa::core {
namespace {

constexpr std::uint32_t kLooks = 128;  // at RPCs, for one that may give way
// Of an account's receive memory, for requests of strangers that arrive.
constexpr std::uint64_t kHalfSentShare = 8;

// A response of the RPC may give way to a request to the port.
bool may_displace(const LocalPort& port, const Rpc& rpc) {
  const Account* const account = rpc.port->account;
  return account == port.account || account->rpcs.beyond() > 0;
}

}  // namespace

bool Strangers::may_send_to(Peer& peer, std::size_t bytes) {
  if (!is_stranger(peer) || peer.credit.take(bytes)) return true;
  trace::add(state_.counters.packets_withheld);
  return false;
}

void Strangers::tell_end(Time now, Rpc& rpc, ErrorCode code) {
  const std::size_t bytes = ControlQueue::error_bytes(code);
  if (rpc.is_client || may_send_to(*rpc.peer, bytes)) state_.controls.error(now, rpc, code);
}

void Strangers::say_busy(Time now, Rpc& rpc, const Way& to) {
  if (!rpc.is_client && !may_send_to(*rpc.peer, wire::kCommonHeaderBytes)) return;
  if (rpc.peer->busy.take(now, rpc.silence.busy_said, state_.config))
    return state_.controls.busy(now, to, rpc);
  trace::add(state_.counters.busy_postponed);
}

void Strangers::question(Time now, Peer& here, const wire::CommonHeader& about) {
  const Duration interval = state_.config.tick * state_.config.resend_interval;
  const auto nonce = here.challenge.ask(now, here.address, interval, state_.random());
  if (nonce && may_send_to(here, wire::kChallengeBytes)) {
    state_.controls.challenge(now, here.way(), about, *nonce);
  }
}

void Strangers::challenge(Time now, Peer& peer, const wire::CommonHeader& about) {
  if (!peer.proved && peer.identity != kNoIdentity) question(now, peer, about);
}

// A half-sent request takes memory for all its length. Whoever gets what is sent to it proves that
// in a round trip, so the oldest of those that did not gives way.
Rpc* Strangers::in_the_way_of(Account& account, std::uint32_t length) {
  const std::uint64_t capacity = account.memory.receive_capacity;
  if (capacity == 0) return nullptr;
  const std::uint64_t at_most = std::max(capacity / kHalfSentShare,
                                         MemoryZones::block_bytes(state_.config.message_bytes_max));
  const std::uint64_t bytes = MemoryZones::block_bytes(length);
  while (Rpc* oldest = account.half_sent.front()) {
    if (account.half_sent_bytes + bytes <= at_most) return nullptr;
    if (is_stranger(*oldest->peer)) return oldest;
    no_longer_half_sent(*oldest);
  }
  return nullptr;
}

void Strangers::half_sent(Rpc& rpc) {
  rpc.port->account->half_sent.join(rpc.unproved_place);
  rpc.port->account->half_sent_bytes += MemoryZones::block_bytes(rpc.in.length());
}

void Strangers::no_longer_half_sent(Rpc& rpc) {
  if (!rpc.unproved_place.in_line()) return;
  rpc.port->account->half_sent.leave(rpc.unproved_place);
  rpc.port->account->half_sent_bytes -= MemoryZones::block_bytes(rpc.in.length());
}

ByteRange Strangers::may_send_again(Rpc& rpc, ByteRange range) {
  Peer& peer = *rpc.peer;
  if (rpc.is_client || !is_stranger(peer)) return range;
  const ByteRange packets = rpc.out.packets_of(range);
  const bool withheld = rpc.held_place.in_line();  // perhaps all of it, and the challenge was lost
  if (withheld || packets.size() > 0) challenge(state_.now, peer, ControlQueue::header_for(rpc));
  if (packets.size() == 0) return range;
  const std::uint32_t bytes = peer.credit.take_payload(packets.size(), rpc.out.payload_max(), true);
  if (bytes == packets.size()) return range;
  trace::add(state_.counters.packets_withheld);
  return {range.begin, std::max(range.begin, packets.begin + bytes)};
}

// As if the request had limited it.
void Strangers::limit_response(Time now, Rpc& rpc) {
  unproved_.join(rpc.unproved_place);
  Peer& peer = *rpc.peer;
  if (!is_stranger(peer)) return;
  const std::uint32_t wanted = rpc.out.granted();
  const std::uint32_t allowed = peer.credit.take_payload(wanted, rpc.out.payload_max(), false);
  if (allowed == wanted) return;
  trace::add(state_.counters.responses_withheld);
  rpc.out.limit_unscheduled(allowed);
  rpc.out.link->queue.update(rpc.out);
  rpc.held_grant = 0;
  peer.held.join(rpc.held_place);
  challenge(now, peer, ControlQueue::header_for(rpc));
}

// The client of a response grants: as much of it as may be sent now, and the rest once it has
// proved its address.
void Strangers::grant_stranger(Time now, Rpc& rpc, std::uint32_t offset) {
  Peer& peer = *rpc.peer;
  MessageOut& out = rpc.out;
  offset = std::min(offset, out.length());
  if (offset <= out.granted()) return;
  const std::uint32_t allowed =
      peer.credit.take_payload(offset - out.granted(), out.payload_max(), true);
  out.grant(out.granted() + allowed);
  if (out.granted() >= offset) return;
  rpc.held_grant = std::max(rpc.held_grant, offset);
  if (!rpc.held_place.in_line()) peer.held.join(rpc.held_place);
  challenge(now, peer, ControlQueue::header_for(rpc));
}

void Strangers::let_go(Peer& peer) {
  while (Rpc* rpc = peer.held.front()) {
    peer.held.leave(rpc->held_place);
    MessageOut& out = rpc->out;
    if (out.sent() == 0) {  // its client does not know of it, and grants nothing
      std::uint32_t unscheduled = state_.config.unscheduled_bytes;
      if (rpc->response_limit != 0) unscheduled = std::min(unscheduled, rpc->response_limit);
      out.limit_unscheduled(unscheduled);
    }
    out.grant(rpc->held_grant);
    out.link->queue.update(out);
  }
}

void Strangers::forget(Rpc& rpc) {
  if (rpc.state == Rpc::State::kReceiving) {
    no_longer_half_sent(rpc);
  } else {
    unproved_.leave(rpc.unproved_place);
  }
  rpc.peer->held.leave(rpc.held_place);
}

Rpc* Strangers::displaced_by(Time now, const LocalPort& port, const Peer& newcomer) {
  Rpc* const oldest = oldest_unproved();
  const bool may = oldest != nullptr && may_displace(port, *oldest);
  return may ? oldest : unwanted_response(now, port, newcomer);
}

// The oldest response to a stranger.
Rpc* Strangers::oldest_unproved() {
  Rpc* oldest = nullptr;
  while ((oldest = unproved_.front()) != nullptr && !is_stranger(*oldest->peer)) {
    unproved_.leave(oldest->unproved_place);  // it has proved its address since
  }
  return oldest;
}

// A response of a client that has more RPCs than the newcomer, and was asked for its ack in vain.
// Of one that was asked in vain many times, however many it has: hosts that answer do so at once.
bool Strangers::is_unwanted(Time now, const Rpc& rpc, const LocalPort& port,
                            const Peer& newcomer) const {
  if (!may_displace(port, rpc)) return false;
  if (rpc.state != Rpc::State::kReplying || rpc.out.waits_for_us()) return false;
  if (rpc.silence.asked >= state_.config.timeout_questions) {
    return rpc.out.all_sent() || now - rpc.peer->liveness.last_heard() >=
                                     state_.silence.ticks(state_.config.timeout_ticks);
  }
  return rpc.out.all_sent() && rpc.silence.asked > 0 &&
         rpc.peer->rpcs.size() > newcomer.rpcs.size() + 1;
}

// Looks at a bounded number, from where it stopped.
Rpc* Strangers::unwanted_response(Time now, const LocalPort& port, const Peer& newcomer) {
  Rpc* found = nullptr;
  for (std::uint32_t looks = 0; looks < kLooks && looks < state_.rpcs.slots(); ++looks) {
    if (displace_slot_ >= state_.rpcs.slots()) displace_slot_ = 0;
    state_.rpcs.for_each_of(displace_slot_, displace_slot_ + 1, [&](Rpc& rpc) {
      if (is_unwanted(now, rpc, port, newcomer)) found = &rpc;
    });
    ++displace_slot_;
    if (found != nullptr) break;
  }
  return found;
}

}  // namespace homa::core
