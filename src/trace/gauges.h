// What an engine says of its present state, each value declared once.
#pragma once

#include <atomic>
#include <cstdint>

namespace homa::trace {

// NAME(identifier, "meaning")
#define HOMA_GAUGES(NAME)                                                            \
  NAME(rpcs_in_progress, "RPCs in progress, ours and served")                        \
  NAME(peers_known, "peers in the table")                                            \
  NAME(sockets_open, "sockets that the engine serves")                               \
  NAME(programs_attached, "programs that the engine serves")                         \
  NAME(receive_memory_bytes, "receive memory of the engine's own process")           \
  NAME(receive_memory_used_bytes, "receive memory that messages take, all programs") \
  NAME(granted_not_received_bytes, "bytes that were granted and have not arrived")   \
  NAME(packets_waiting, "packets that the device did not take yet")                  \
  NAME(link_bits_per_second, "rate that packets are paced by; 0: not paced")         \
  NAME(paused_microseconds, "time in which the engine had something to do and did not run")

struct Gauges {
#define HOMA_GAUGE_FIELD(name, meaning) std::atomic<std::uint64_t> name{0};
  HOMA_GAUGES(HOMA_GAUGE_FIELD)
#undef HOMA_GAUGE_FIELD
};

}  // namespace homa::trace
