// Strangers: peers that have not proved that they receive at their address. What is sent to them
// is bounded by what they sent, and what they occupy gives way to others
// (docs/protocol.md#amplification, #slots).
//
// Where nothing else is said, a call does a bounded amount of work.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/endpoint_state.h"

namespace homa::core {

class Strangers {
 public:
  explicit Strangers(EndpointState& state) : state_(state) {}

  bool is_stranger(const Peer& peer) const {
    return !peer.proved && !(peer.identity == kNoIdentity && state_.config.trust_kernel_peers);
  }

  // --- What may be sent to a peer ---
  // A control packet that answers nothing of the peer's. If so, it counts as sent.
  bool may_send_to(Peer& peer, std::size_t bytes);
  // The answer to a packet of a peer, if that is known, about no RPC that is here.
  bool may_answer(Peer* peer, std::size_t bytes) {
    return peer == nullptr || may_send_to(*peer, bytes);
  }
  // What of a range may be sent again to the client of a response; it counts as sent.
  ByteRange may_send_again(Rpc& rpc, ByteRange range);
  // The peer learns that this side has ended the RPC.
  void tell_end(Time now, Rpc& rpc, ErrorCode code);
  // The peer learns that there is nothing to send for the RPC now, unless it was told so lately.
  void say_busy(Time now, Rpc& rpc, const Way& to);
  // The peer's grant for what the RPC sends. A stranger's holds as far as it may be sent to.
  void give_grant(Time now, Rpc& rpc, std::uint32_t offset) {
    if (!rpc.is_client && is_stranger(*rpc.peer)) return grant_stranger(now, rpc, offset);
    rpc.out.grant(offset);
  }

  // --- Proofs of address ---
  // Asks who is at the address of `here`, unless that was asked a moment ago. `about`: a header as
  // we would send it there, about any RPC.
  void question(Time now, Peer& here, const wire::CommonHeader& about);
  // The same, of a peer that has not proved its address. A kernel would not answer.
  void challenge(Time now, Peer& peer, const wire::CommonHeader& about);
  // The peer has proved its address: what was held back for it may go. Work for each such response.
  void let_go(Peer& peer);

  // --- Requests that arrive, and responses ---
  // A request has begun to arrive, of which more is to come.
  void half_sent(Rpc& rpc);
  void no_longer_half_sent(Rpc& rpc);
  // The half-sent request that has to end before another one of the account, of `length` bytes, may
  // begin; nullptr: none. The caller ends it and asks again.
  Rpc* in_the_way_of(Account& account, std::uint32_t length);
  // A response begins: as much of it as may be sent goes, the rest waits for grants.
  void limit_response(Time now, Rpc& rpc);
  // The RPC ends.
  void forget(Rpc& rpc);
  // The slots for requests are used up. The response that gives way to a request of `newcomer` to
  // the port; nullptr: none. Looks at a bounded number of RPCs.
  Rpc* displaced_by(Time now, const LocalPort& port, const Peer& newcomer);

 private:
  void grant_stranger(Time now, Rpc& rpc, std::uint32_t offset);
  Rpc* oldest_unproved();
  bool is_unwanted(Time now, const Rpc& rpc, const LocalPort& port, const Peer& newcomer) const;
  Rpc* unwanted_response(Time now, const LocalPort& port, const Peer& newcomer);

  EndpointState& state_;
  RpcLine unproved_;                 // responses to strangers, the oldest first
  std::uint32_t displace_slot_ = 0;  // where the next one that gives way is looked for
};

}  // namespace homa::core
