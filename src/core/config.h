// Parameters of one endpoint. Immutable once the endpoint exists; validate() has the range of each
// and names what is wrong.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "base/time.h"
#include "base/types.h"
#include "homa/error.h"
#include "homa/result.h"

namespace homa::core {

struct CoreConfig {
  // --- The link (docs/protocol.md#pacing) ---
  std::uint64_t link_bits_per_second = 10'000'000'000;  // 0: unpaced
  std::uint32_t max_link_usage_percent = 99;            // 1..100; share the link model reckons with
  Duration nic_backlog_max{5'000};                      // most data in the NIC by the link model
  std::uint64_t device_queue_bytes_max = 0;             // by the device's reports; 0: 40 us' worth
  std::uint32_t packet_overhead_bytes = 58;  // a packet, beyond Homa: Ethernet 38, IP 20 (UDP +8)
  std::uint32_t payload_bytes_max = 1424;    // DATA payload per packet; 16..65000
  std::uint32_t defer_bytes_min = 1'000;     // shorter packets go at once, charged to the model
  std::uint32_t pacer_fifo_per_mille = 50;   // share of sent bytes that goes to the oldest message

  // --- Grants (docs/protocol.md#grants) ---
  std::uint32_t unscheduled_bytes = 40'000;
  std::uint32_t max_incoming = 400'000;
  // More than max_incoming: the bound grows up to this with the rate at which data arrives.
  std::uint32_t max_incoming_most = 0;
  std::uint32_t overcommit = 8;  // 1..32 messages granted at once
  std::uint32_t window = 0;      // bytes granted ahead per message; 0: max_incoming / (active + 1)
  std::uint32_t grant_fifo_per_mille = 50;
  std::uint32_t fifo_grant_increment = 50'000;
  std::uint32_t grant_increment_min = 1;  // do not advance a grant by less, but at the end
  // What is left to grant of a message, when no more than this, goes at the level of unscheduled
  // bytes of a message that long; 0: at its rank's level to the end, as the kernel has it.
  std::uint32_t grant_tail_bytes = 0;

  // --- Priorities (docs/protocol.md#priorities) ---
  Priority priorities = 8;  // 1..8 levels in use, the highest ones of the eight
  std::array<std::uint32_t, kPriorities> cutoffs = {0, 0, 0, 0, 0xffffffff, 15'000, 2'800, 200};
  Duration cutoff_interval{0};                 // recompute the cutoffs this often; 0: never
  std::uint32_t cutoff_messages_min = 1'000;   // fewer received in an interval: leave them
  Duration cutoffs_reply_interval{4'000'000};  // CUTOFFS at most this often to a peer

  // --- Loss and silence (docs/protocol.md#loss) ---
  Duration tick{1'000'000};
  std::uint32_t resend_ticks = 5;                 // silence before the first RESEND
  std::uint32_t resend_interval = 5;              // and between later ones
  std::uint32_t timeout_ticks = 100;              // a host that is asked for so long is dead
  std::uint32_t timeout_questions = 5;            // ... and was asked so often; 1..1000
  Duration question_interval_max{4'000'000'000};  // a waiting RPC is asked about this often
  std::uint32_t request_ack_ticks = 2;            // after the last response byte: NEED_ACK
  Duration need_ack_backoff_max{256'000'000};     // NEED_ACK intervals double up to this
  Duration need_ack_give_up{10'000'000'000};      // then the server drops the response, counted

  // --- Capacities ---
  std::uint32_t message_bytes_max = 1'000'000;      // longest message sent or taken
  std::uint32_t rpcs_max = 16'384;                  // in progress, ours and served; at most 1 << 20
  std::uint32_t served_rpcs_per_port_max = 16'384;  // unanswered requests per port (overloaded)
  std::uint64_t receive_region_bytes = 64 << 20;    // message buffers; 0: unlimited and unallocated
  Duration buffer_wait_max{5'000'000'000};  // a message without room in it waits; then it fails
  bool wait_for_memory = false;             // if so, it does not fail as long as its peer lives
  // While others wait for room, a message of which less arrives gives way; bytes a second, 0: none.
  std::uint32_t receive_rate_min = 64'000;
  std::uint32_t finished_ids_max = 65'536;  // remembered, so that no request runs twice
  std::uint32_t peers_max = 5'000;          // above this, peers without RPCs are forgotten

  // --- Strangers (docs/protocol.md#amplification) ---
  // A peer without an identity, as kernels are, is believed to be at its address. False: it is a
  // stranger until it has answered an RPC of ours.
  bool trust_kernel_peers = true;

  // --- Incast (docs/protocol.md#incast) ---
  // Ask for at most this many unscheduled bytes over all responses we wait for; 0: no limit.
  std::uint32_t incast_bytes_max = 0;

  // Planted for the test bench (tests/sim's canaries):
  bool canary_no_grants = false;     // never send a GRANT
  bool canary_deaf = false;          // packets do not show that their host lives
  bool canary_no_questions = false;  // never ask about an RPC that waits

  Result<void, Error> validate() const;
};

}  // namespace homa::core
