// Who is where: challenges and their answers (docs/protocol.md#challenge-and-answer).
#include "core/endpoint_impl.h"

namespace homa::core {

// Asks whether `peer` receives at its address, unless it was asked a moment ago. `about`: a header
// as we would send it to the peer, about any RPC with it. A kernel would not answer.
void Endpoint::Impl::challenge(Time now, Peer& peer, const wire::CommonHeader& about) {
  if (peer.proved || peer.incarnation == 0) return;
  const Duration interval = config_.tick * config_.resend_interval;
  const auto nonce = peer.challenge.ask(now, peer.address, interval, random_());
  if (nonce && may_send_to(peer, wire::kChallengeBytes)) {
    controls_.challenge(now, peer.way(), about, *nonce);
  }
}

// The answer is as long as the question and goes back to where that came from: it helps nobody to
// flood another.
RxOutcome Endpoint::Impl::on_challenge(Time now, const RxPacket& packet) {
  const auto challenge = wire::parse_challenge(packet.bytes);
  if (!challenge) return drop(now, DropReason::kMalformed, packet, WireId{});
  trace::add(counters_.challenges_received);
  controls_.answer(now, packet.way(), challenge->common, challenge->nonce);
  return kConsumed;
}

RxOutcome Endpoint::Impl::on_answer(Time now, const RxPacket& packet, Peer* peer) {
  const auto answer = wire::parse_answer(packet.bytes);
  if (!answer) return drop(now, DropReason::kMalformed, packet, WireId{});
  trace::add(counters_.answers_received);
  if (peer != nullptr && peer->challenge.answered(packet.source, answer->nonce)) {
    address_proved(*peer);
  }
  return kConsumed;
}

// What we send to the peer's address reaches the peer.
void Endpoint::Impl::address_proved(Peer& peer) {
  if (peer.proved) return;
  peers_.prove(peer);
  trace::add(counters_.addresses_proved);
  let_go(peer);
}

}  // namespace homa::core
