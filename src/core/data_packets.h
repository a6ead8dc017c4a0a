// A DATA packet in: whose message it belongs to, where its bytes go, and what it completes
// (docs/protocol.md#rpc).
#pragma once

#include "core/endpoint_state.h"
#include "core/identities.h"
#include "core/lifetimes.h"
#include "core/strangers.h"
#include "core/timeouts.h"

namespace homa::core {

class DataPackets {
 public:
  DataPackets(EndpointState& state, Strangers& strangers, Lifetimes& lifetimes, Timeouts& timeouts,
              Identities& identities)
      : state_(state),
        strangers_(strangers),
        lifetimes_(lifetimes),
        timeouts_(timeouts),
        identities_(identities) {}

  // O(log of what is in progress), and what identities.h says.
  RxOutcome on_packet(Time now, const RxPacket& packet);
  // As in Endpoint.
  Result<void, ErrorCode> decide(Time now, RpcId id, ErrorCode refusal);

 private:
  RxOutcome on_request(Time now, const RxPacket& packet, const wire::DataHeader& data);
  RxOutcome on_request_to_closed_port(Time now, const RxPacket& packet,
                                      const wire::DataHeader& data);
  RxOutcome on_response(Time now, const RxPacket& packet, const wire::DataHeader& data);
  RxOutcome take(Time now, Rpc& rpc, const RxPacket& packet, const wire::DataHeader& data);
  RxOutcome refuse(Time now, const RxPacket& packet, const wire::DataHeader& data, Peer* peer,
                   const Admission::Refusal& refusal);
  // A new request's RPC, or why there is none.
  Result<Rpc*, Admission::Refusal> admit(Time now, Peer& peer, LocalPort& port,
                                         const wire::DataHeader& data);
  bool has_slot(const LocalPort& port, const Peer& peer, bool stranger) const {
    return state_.admission.has_slot(port, peer, stranger) &&
           state_.accounts.has_rpc_slot(*port.account);
  }
  bool make_room_for(Time now, const LocalPort& port, const Peer& newcomer);
  void announce(Time now, Rpc& rpc, const wire::DataHeader& data);
  void answer_cutoffs(Time now, const RxPacket& packet, Peer& peer, const wire::DataHeader& data);
  void complete(Time now, Rpc& rpc);

  EndpointState& state_;
  Strangers& strangers_;
  Lifetimes& lifetimes_;
  Timeouts& timeouts_;
  Identities& identities_;
};

}  // namespace homa::core
