// What follows from silence: the receiver of a message asks for what is missing, a server asks for
// its ack, and a host or an RPC that answers no question is given up (docs/protocol.md#loss, #acks,
// #waiting, #who-is-given-up). Owns the model of our own link, which may explain a silence.
//
// Where nothing else is said, a call does a bounded amount of work.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/downlink.h"
#include "core/endpoint_state.h"
#include "core/lifetimes.h"
#include "core/strangers.h"

namespace homa::core {

class Timeouts {
 public:
  Timeouts(EndpointState& state, Strangers& strangers, Lifetimes& lifetimes)
      : state_(state), strangers_(strangers), lifetimes_(lifetimes), downlink_(state.config) {}

  // A packet of `bytes` came, whatever it is.
  void packet_came(Time now, std::uint64_t bytes) { downlink_.received(now, bytes); }
  // Its peer has shown that it knows the RPC.
  void heard(Time now, Rpc& rpc);
  // Packets for us may have waited in the network during the time `lately`.
  bool link_busy(Time now, Duration lately) const {
    return !downlink_.idle_since(now, now - lately);
  }

  // The timers that are due; work for each of them.
  void on_time(Time now);
  // Asks for what is missing of an RPC, a RESEND for each gap: up to 65.
  void ask_again(Time now, Rpc& rpc);
  // Something says that the peer does not live: it is asked about one of its RPCs.
  void ask_sooner(Time now, Peer& peer);
  // The RPC's peer may be asked about it now, and is thereby asked. False: it was asked enough; the
  // RPC has its turn when those before it had theirs.
  bool may_ask(Time now, Rpc& rpc);
  // Asks what is missing of an RPC, or whether it is known at all. After may_ask().
  void ask(Time now, Rpc& rpc);
  // The peer is at another address from now on: an RPC that it asked of us is looked at.
  void look_after_move(Time now, Rpc& rpc);
  // When the peer has to be looked at next may have changed.
  void arm_peer(Time now, Peer& peer);

 private:
  void check(Time now, Rpc& rpc);
  bool waited_too_long(Time now, Rpc& rpc);
  bool gives_way(Time now, Rpc& rpc);
  void check_receiver(Time now, Rpc& rpc);
  void check_replier(Time now, Rpc& rpc);
  void note_asked(Time now, Rpc& rpc);
  void watch(Time now, Rpc& rpc);
  void check_peer(Time now, Peer& peer);
  void ask_watched(Time now, Peer& peer);
  void query(Time now, Peer& peer, Rpc& first);
  Time gone_at(const Peer& peer) const;
  // Both visit each RPC of the peer.
  void host_is_dead(Time now, Peer& peer);
  void peer_is_gone(Time now, Peer& peer);

  EndpointState& state_;
  Strangers& strangers_;
  Lifetimes& lifetimes_;
  Downlink downlink_;
};

}  // namespace homa::core
