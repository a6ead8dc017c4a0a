// The memory of all accounts together is short: what MemoryPressure decides is done here
// (docs/protocol.md#pressure). A call looks at a bounded number of RPCs.
#pragma once

#include <cstdint>

#include "core/endpoint_state.h"
#include "core/lifetimes.h"
#include "core/strangers.h"

namespace homa::core {

class Relief {
 public:
  Relief(EndpointState& state, Strangers& strangers, Lifetimes& lifetimes)
      : state_(state), strangers_(strangers), lifetimes_(lifetimes) {}

  // Under high pressure the longest idle message is dropped. Messages that wait get a chance.
  void on_time(Time now) {
    if (state_.accounts.pressure().level() == PressureLevel::kHigh) relieve(now);
    if (state_.accounts.pressure().wants_retry() || lifetimes_.serves_accounts()) {
      lifetimes_.serve_waiting_accounts(now);
    }
  }

 private:
  void relieve(Time now);
  Rpc* idlest(bool incoming);

  EndpointState& state_;
  Strangers& strangers_;
  Lifetimes& lifetimes_;
  std::uint32_t idlest_slot_ = 0;  // where the next one is looked for
};

}  // namespace homa::core
