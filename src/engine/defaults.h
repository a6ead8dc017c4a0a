// The protocol's parameters for a back end and its link, before anyone sets one by hand.
#pragma once

#include <cstdint>

#include "core/config.h"
#include "io/packet_io.h"

namespace homa::engine {

// Packet sizes from `capabilities`; unscheduled bytes, grants and pacing from the link's rate:
//
//   link        unscheduled_bytes            max_incoming             nic_backlog_max
//   < 10 Gbit/s rate x RTT, 20,000..30,000   400,000                  five packets, 5..400 us
//   10 Gbit/s   30,000                       400,000                  5 us
//   25 Gbit/s   60,000                       480,000                  5 us
//   100 Gbit/s  60,000                       1,600,000                5 us
//
// The values from 10 Gbit/s up are those of docs/protocol.md#defaults; between two lines,
// max_incoming grows with the rate. Below, RTT is taken as 100 us of software and four packet
// times; the device may hold five packets, since an engine that sleeps cannot wake for each, and
// its host may wait for a processor meanwhile; patience grows with the time that max_incoming takes
// to pass. An unknown rate counts as 10 Gbit/s, unpaced, and max_incoming grows with the rate at
// which data arrives (core/incoming_budget.h).
core::CoreConfig defaults_for(const io::IoCapabilities& capabilities);

// The longest message of a host with so much receive memory: a sixteenth of that, as a power of
// two, so that sixteen of them have room; 1,000,000 at least, which every host takes, and 64 MiB at
// most.
std::uint32_t longest_message_for(std::uint64_t receive_bytes);

// How long an engine that sleeps may look away while its link is busy: below 10 Gbit/s the time of
// two and a half packets, at most 150 us; else not at all.
Duration coalesce_for(const core::CoreConfig& config);

}  // namespace homa::engine
