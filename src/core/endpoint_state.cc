#include "core/endpoint_state.h"

namespace homa::core {

RxOutcome EndpointState::drop(Time at, DropReason reason, const RxPacket& packet, WireId id) {
  trace::add(trace::counter_of(counters, reason));
  recorder.append(at, trace::EventType::packet_dropped, raw(id) & ~1ULL, raw(reason),
                  packet.size());
  RxOutcome outcome;
  outcome.kind = RxOutcome::Kind::kDropped;
  outcome.reason = reason;
  return outcome;
}

}  // namespace homa::core
