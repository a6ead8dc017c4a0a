// What the parts of an endpoint share: its peers, its RPCs, and the leaves that more than one part
// asks. Each part owns what it alone needs (docs/decisions/0021-parts-of-the-endpoint.md).
#pragma once

#include <cstdint>
#include <random>

#include "core/accounts.h"
#include "core/admission.h"
#include "core/config.h"
#include "core/control_queue.h"
#include "core/event_queue.h"
#include "core/grant_scheduler.h"
#include "core/packets.h"
#include "core/peer_table.h"
#include "core/priority_map.h"
#include "core/retry_timers.h"
#include "core/rpc_table.h"
#include "core/silence.h"
#include "trace/trace.h"

namespace homa::core {

struct EndpointState {
  EndpointState(const CoreConfig& its_config, std::uint64_t seed, trace::Recorder& its_recorder)
      : config(its_config),
        recorder(its_recorder),
        counters(its_recorder.counters),
        random(seed),
        peers(config, random),
        rpcs(config.rpcs_max, random() & kFirstIdMask, peers.hash_key()),
        priorities(config.priorities, config.cutoffs),
        grants(config, priorities),
        timers(config.tick),
        admission(config, peers.hash_key()),
        accounts(config.receive_region_bytes, config.message_bytes_max, config.rpcs_max),
        controls(recorder, config.message_bytes_max),
        silence(config) {}

  CoreConfig config;  // changes by Endpoint::set_parameter() only
  trace::Recorder& recorder;
  trace::Counters& counters;
  std::mt19937_64 random;
  std::uint64_t ages = 0;  // of messages, in both directions: the next one's is one more
  PeerTable peers;
  RpcTable rpcs;
  PriorityMap priorities;
  GrantScheduler grants;
  RetryTimers timers;
  Admission admission;
  Accounts accounts;
  std::uint64_t remedies = 0;  // messages and sends that gave way when memory was short
  EventQueue events;
  ControlQueue controls;
  const Silence silence;
  Time now{};  // of the last call

  // The RPC is looked at when its silence has a consequence.
  void arm(Time at, Rpc& rpc) {
    timers.arm(at, rpc.timer, silence.deadline(rpc.silence, rpc.out.last_sent()));
  }
  // Counts a packet that is dropped. `id`: of its sender, if that is known.
  RxOutcome drop(Time at, DropReason reason, const RxPacket& packet, WireId id);
  void trace(Time at, trace::EventType type, const Rpc& rpc, std::uint64_t a, std::uint64_t b) {
    if (recorder.enabled()) recorder.append(at, type, raw(rpc.client_id), a, b);
  }
};

inline constexpr RxOutcome kConsumed{};

}  // namespace homa::core
