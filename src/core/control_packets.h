// A control packet in, and what ICMP says of a packet of ours: what each changes
// (docs/protocol.md#packets).
//
// Work for what the packet names: at most six RPCs, or each gap of one message; and what
// identities.h says.
#pragma once

#include "core/endpoint_state.h"
#include "core/identities.h"
#include "core/lifetimes.h"
#include "core/strangers.h"
#include "core/timeouts.h"
#include "core/transmitter.h"

namespace homa::core {

class ControlPackets {
 public:
  ControlPackets(EndpointState& state, Transmitter& transmitter, Strangers& strangers,
                 Lifetimes& lifetimes, Timeouts& timeouts, Identities& identities)
      : state_(state),
        transmitter_(transmitter),
        strangers_(strangers),
        lifetimes_(lifetimes),
        timeouts_(timeouts),
        identities_(identities) {}

  RxOutcome on_packet(Time now, const RxPacket& packet);
  void on_unreachable(Time now, const Unreachable& what);

 private:
  RxOutcome dispatch(Time now, const RxPacket& packet, const wire::CommonHeader& common);
  RxOutcome on_grant(Time now, const RxPacket& packet, Rpc* rpc);
  RxOutcome on_resend(Time now, const RxPacket& packet, const Parties& who);
  RxOutcome on_resend_of_unknown(Time now, const RxPacket& packet, Peer* peer,
                                 const wire::CommonHeader& about);
  RxOutcome on_unknown(Time now, Rpc* rpc, const wire::CommonHeader& common);
  ByteRange within_budget(Time now, Rpc& rpc, ByteRange range);
  void shorten_if_lost(Time now, Rpc& rpc, ByteRange range);
  void knows_no_longer(Time now, Rpc& rpc);
  void begin_again(Time now, Rpc& rpc);
  RxOutcome on_busy(Time now, Rpc* rpc);
  RxOutcome on_cutoffs(Time now, const RxPacket& packet, Peer* peer);
  RxOutcome on_need_ack(Time now, const RxPacket& packet, const Parties& who,
                        const wire::CommonHeader& common);
  RxOutcome on_ack(Time now, const RxPacket& packet, Peer* peer);
  RxOutcome on_error(Time now, const RxPacket& packet, Rpc* rpc);
  RxOutcome on_query(Time now, const RxPacket& packet, Peer* peer);
  RxOutcome on_status(Time now, const RxPacket& packet, Peer* peer);
  RxOutcome on_challenge(Time now, const RxPacket& packet, const Peer* peer);
  RxOutcome on_answer(Time now, const RxPacket& packet, Peer* peer);

  EndpointState& state_;
  Transmitter& transmitter_;
  Strangers& strangers_;
  Lifetimes& lifetimes_;
  Timeouts& timeouts_;
  Identities& identities_;
};

}  // namespace homa::core
