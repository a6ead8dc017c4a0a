// Who sent a packet, and where that host is (docs/protocol.md#identity).
//
// A call does a bounded amount of work, but where another host proves to be at a peer's address:
// that visits each RPC with that peer.
#pragma once

#include "core/endpoint_state.h"
#include "core/lifetimes.h"
#include "core/strangers.h"
#include "core/timeouts.h"
#include "core/transmitter.h"

namespace homa::core {

// Of a packet.
struct Parties {
  Peer* peer = nullptr;  // who sent it; nullptr: not known
  Rpc* rpc = nullptr;    // what it is about; nullptr: none of ours
  bool refused = false;  // it pretends to be of another host
};

class Identities {
 public:
  Identities(EndpointState& state, Transmitter& transmitter, Strangers& strangers,
             Lifetimes& lifetimes, Timeouts& timeouts)
      : state_(state),
        transmitter_(transmitter),
        strangers_(strangers),
        lifetimes_(lifetimes),
        timeouts_(timeouts) {}

  // Whose packet it is, and which RPC of both it is about.
  Parties parties(Time now, const RxPacket& packet, const wire::CommonHeader& common);
  // The known host that sent the packet, or nullptr.
  Peer* sender(Time now, const RxPacket& packet, const wire::CommonHeader& common);
  // A record of a host that is not known. nullptr: there is no room for it.
  Peer* newcomer(Time now, const Address& from, Identity identity);
  // Of a packet whose host cannot show an identity: is there one of ours at its address?
  bool belongs_to_ours(Time now, const Address& address);
  // As whom we answer a packet that may belong to nothing, and where.
  Way way_back(const RxPacket& packet, const Peer* peer) const;

  // A packet of this peer came.
  void note_packet_of(Time now, Peer& peer, const RxPacket& packet,
                      const wire::CommonHeader& common);
  // A packet of a host without a record, from an address where we know another.
  void contest(Time now, const RxPacket& packet, const wire::CommonHeader& common);
  // An ANSWER came, with the nonce of a CHALLENGE of ours or not. `peer`: whose it is, if known.
  void on_answer(Time now, const RxPacket& packet, Peer* peer, const wire::AnswerHeader& answer);

 private:
  void note_stranger(Time now, Peer& peer, const RxPacket& packet,
                     const wire::CommonHeader& common);
  void note_move(Time now, Peer& peer, const RxPacket& packet, const wire::CommonHeader& common);
  Parties answered(Time now, Rpc& rpc, const RxPacket& packet, const wire::CommonHeader& common);
  bool is_called_at(Identity identity, const Address& address);
  Parties answered_by_another(Time now, Rpc& rpc, const wire::CommonHeader& common);
  void join(Time now, Rpc& rpc, Peer& peer);
  void claim(Time now, Peer& peer, const wire::CommonHeader& common);
  void answered_there(Time now, Peer& here, const RxPacket& packet, Peer* peer, Identity identity);
  void address_proved(Time now, Peer& peer);
  void take_place(Time now, Peer& peer);
  void moved(Time now, Peer& peer, const RxPacket& packet);
  void succeeded(Time now, Peer& former);

  EndpointState& state_;
  Transmitter& transmitter_;
  Strangers& strangers_;
  Lifetimes& lifetimes_;
  Timeouts& timeouts_;
};

}  // namespace homa::core
