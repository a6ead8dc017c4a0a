// Strangers: peers that have not proved that they receive at their address. What is sent to them
// is bounded by what they sent, and what they occupy gives way to others
// (docs/protocol.md#amplification, #slots).
#include <algorithm>

#include "core/endpoint_impl.h"

namespace homa::core {
namespace {
constexpr std::uint32_t kLooks = 128;  // at RPCs, for one that may give way
constexpr int kDisplacedMost = 16;     // for one newcomer
// Of an account's receive memory, for requests of strangers that arrive.
constexpr std::uint64_t kHalfSentShare = 8;

// A response of the RPC may give way to a request to the port.
bool may_displace(const LocalPort& port, const Rpc& rpc) {
  const Account* const account = rpc.port->account;
  return account == port.account || account->rpcs.beyond() > 0;
}
}  // namespace

// A control packet that answers nothing of the peer's. If so, it counts as sent.
bool Endpoint::Impl::may_send_to(Peer& peer, std::size_t bytes) {
  if (!is_stranger(peer) || peer.credit.take(bytes)) return true;
  trace::add(counters_.packets_withheld);
  return false;
}

// The peer learns that this side has ended the RPC.
void Endpoint::Impl::tell_end(Time now, Rpc& rpc, ErrorCode code) {
  if (rpc.is_client || may_send_to(*rpc.peer, wire::kErrorBytes)) controls_.error(now, rpc, code);
}

void Endpoint::Impl::say_busy(Time now, Rpc& rpc, const Way& to) {
  if (!rpc.is_client && !may_send_to(*rpc.peer, wire::kCommonHeaderBytes)) return;
  if (rpc.peer->busy.take(now, rpc.silence.busy_said, config_)) return controls_.busy(now, to, rpc);
  trace::add(counters_.busy_postponed);
}

// A request of a stranger has begun to arrive, and takes memory for all its `length`. Whoever gets
// what is sent to it proves that in a round trip, so the oldest of those that did not gives way.
void Endpoint::Impl::make_room_for_half_sent(Time now, Account& account, std::uint32_t length) {
  const std::uint64_t capacity = account.memory.receive_capacity;
  if (capacity == 0) return;
  const std::uint64_t at_most =
      std::max(capacity / kHalfSentShare, MemoryZones::block_bytes(config_.message_bytes_max));
  const std::uint64_t bytes = MemoryZones::block_bytes(length);
  while (Rpc* oldest = account.half_sent.front()) {
    if (account.half_sent_bytes + bytes <= at_most) return;
    if (!is_stranger(*oldest->peer)) {
      no_longer_half_sent(*oldest);
    } else {
      trace::add(counters_.requests_displaced);
      end(now, *oldest);
    }
  }
}

void Endpoint::Impl::half_sent_by_stranger(Rpc& rpc) {
  rpc.port->account->half_sent.join(rpc.unproved_place);
  rpc.port->account->half_sent_bytes += MemoryZones::block_bytes(rpc.in.length());
}

void Endpoint::Impl::no_longer_half_sent(Rpc& rpc) {
  if (!rpc.unproved_place.in_line()) return;
  rpc.port->account->half_sent.leave(rpc.unproved_place);
  rpc.port->account->half_sent_bytes -= MemoryZones::block_bytes(rpc.in.length());
}

// What of a range may be sent again to the client of a response.
ByteRange Endpoint::Impl::may_send_again(Rpc& rpc, ByteRange range) {
  Peer& peer = *rpc.peer;
  if (rpc.is_client || !is_stranger(peer)) return range;
  const ByteRange packets = rpc.out.packets_of(range);
  const bool withheld = rpc.held_place.in_line();  // perhaps all of it, and the challenge was lost
  if (withheld || packets.size() > 0) challenge(last_now_, peer, controls_.header_for(rpc));
  if (packets.size() == 0) return range;
  const std::uint32_t bytes = peer.credit.take_payload(packets.size(), rpc.out.payload_max(), true);
  if (bytes == packets.size()) return range;
  trace::add(counters_.packets_withheld);
  return {range.begin, std::max(range.begin, packets.begin + bytes)};
}

// A response begins. The rest of it waits for grants, as if the request had limited it.
void Endpoint::Impl::limit_response(Time now, Rpc& rpc) {
  unproved_.join(rpc.unproved_place);
  Peer& peer = *rpc.peer;
  if (!is_stranger(peer)) return;
  const std::uint32_t wanted = rpc.out.granted();
  const std::uint32_t allowed = peer.credit.take_payload(wanted, rpc.out.payload_max(), false);
  if (allowed == wanted) return;
  trace::add(counters_.responses_withheld);
  rpc.out.limit_unscheduled(allowed);
  rpc.out.link->queue.update(rpc.out);
  rpc.held_grant = 0;
  peer.held.join(rpc.held_place);
  challenge(now, peer, controls_.header_for(rpc));
}

// The client of a response grants: as much of it as may be sent now, and the rest once it has
// proved its address.
void Endpoint::Impl::grant_stranger(Time now, Rpc& rpc, std::uint32_t offset) {
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
  challenge(now, peer, controls_.header_for(rpc));
}

// The peer has proved its address: what was held back for it may go.
void Endpoint::Impl::let_go(Peer& peer) {
  while (Rpc* rpc = peer.held.front()) {
    peer.held.leave(rpc->held_place);
    MessageOut& out = rpc->out;
    if (out.sent() == 0) {  // its client does not know of it, and grants nothing
      std::uint32_t unscheduled = config_.unscheduled_bytes;
      if (rpc->response_limit != 0) unscheduled = std::min(unscheduled, rpc->response_limit);
      out.limit_unscheduled(unscheduled);
    }
    out.grant(rpc->held_grant);
    out.link->queue.update(out);
  }
}

void Endpoint::Impl::forget_stranger(Rpc& rpc) {
  if (rpc.state == Rpc::State::kReceiving) {
    no_longer_half_sent(rpc);
  } else {
    unproved_.leave(rpc.unproved_place);
  }
  rpc.peer->held.leave(rpc.held_place);
}

// The RPC slots for requests are used up. Responses that nobody acknowledges give way, as many as
// the newcomer's share takes. Those of another account that is within its guarantee stay.
bool Endpoint::Impl::make_room_for(Time now, const LocalPort& port, const Peer& newcomer) {
  if (admission_.is_full(port)) return false;
  for (int displaced = 0; displaced < kDisplacedMost; ++displaced) {
    Rpc* victim = oldest_unproved();
    if (victim == nullptr || !may_displace(port, *victim)) {
      victim = unwanted_response(now, port, newcomer);
    }
    if (victim == nullptr) return false;
    trace::add(counters_.responses_displaced);
    end(now, *victim);
    if (has_slot(port, newcomer, is_stranger(newcomer))) return true;
  }
  return false;
}

// The oldest response to a stranger.
Rpc* Endpoint::Impl::oldest_unproved() {
  Rpc* oldest = nullptr;
  while ((oldest = unproved_.front()) != nullptr && !is_stranger(*oldest->peer)) {
    unproved_.leave(oldest->unproved_place);  // it has proved its address since
  }
  return oldest;
}

// A response of a client that has more RPCs than the newcomer, and was asked for its ack in vain.
// Of one that was asked in vain many times, however many it has: hosts that answer do so at once.
bool Endpoint::Impl::is_unwanted(Time now, const Rpc& rpc, const LocalPort& port,
                                 const Peer& newcomer) const {
  if (!may_displace(port, rpc)) return false;
  if (rpc.state != Rpc::State::kReplying || rpc.out.waits_for_us()) return false;
  if (rpc.silence.asked >= config_.timeout_questions) {
    return rpc.out.all_sent() ||
           now - rpc.peer->liveness.last_heard() >= silence_.ticks(config_.timeout_ticks);
  }
  return rpc.out.all_sent() && rpc.silence.asked > 0 &&
         rpc.peer->rpcs.size() > newcomer.rpcs.size() + 1;
}

// Looks at a bounded number, from where it stopped.
Rpc* Endpoint::Impl::unwanted_response(Time now, const LocalPort& port, const Peer& newcomer) {
  Rpc* found = nullptr;
  for (std::uint32_t looks = 0; looks < kLooks && looks < rpcs_.slots(); ++looks) {
    if (displace_slot_ >= rpcs_.slots()) displace_slot_ = 0;
    rpcs_.for_each_of(displace_slot_, displace_slot_ + 1, [&](Rpc& rpc) {
      if (is_unwanted(now, rpc, port, newcomer)) found = &rpc;
    });
    ++displace_slot_;
    if (found != nullptr) break;
  }
  return found;
}

}  // namespace homa::core
