// What engines publish, as tools read it. The engines do not notice.
//
// Files are copied with read() and believed in nothing: any user may put one there.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/time.h"
#include "homa/address.h"
#include "homa/error.h"
#include "homa/result.h"
#include "observe/distribution.h"
#include "trace/state_owner.h"

namespace homa::observe {

struct Metric {
  std::string name, meaning;
  bool only_grows = true;
  std::uint64_t value = 0;
};

struct ErrorSeen {
  std::uint64_t count = 0;
  std::int64_t first = 0, last = 0;  // nanoseconds since 1970
  bool has_peer = false;
  SocketAddress peer;
  ErrorCode code{};
  Executed executed{};
  std::string text;
};

struct RpcSeen {
  std::uint64_t wire_id = 0;
  Time began{};  // CLOCK_MONOTONIC
  SocketAddress peer;
  std::uint16_t local_port = 0;
  std::string_view state;
  bool is_ours = false;
  std::uint32_t send_length = 0, sent = 0, send_granted = 0;
  std::uint32_t receive_length = 0, received = 0, receive_granted = 0;
  std::uint32_t gaps = 0, silent_ticks = 0;
};

// A program that homad's engine serves.
struct ProgramSeen {
  std::uint32_t pid = 0, user = 0;
  std::uint32_t sockets = 0, rpcs = 0;
  std::uint64_t memory_used = 0, memory_guaranteed = 0;
  std::uint64_t receive_used = 0, receive_bytes = 0;
  std::uint64_t messages_held = 0, incoming_dropped = 0, outgoing_dropped = 0;
  std::uint64_t sends_refused = 0, requests_refused = 0;
  std::uint64_t rpcs_refused = 0, submissions_refused = 0, channels_broken = 0;

  // Memory or a limit ran short for it, or it did what it should not.
  std::uint64_t troubles() const {
    return messages_held + incoming_dropped + outgoing_dropped + sends_refused + requests_refused +
           rpcs_refused + submissions_refused + channels_broken;
  }
};

struct EngineState {
  std::string path;
  std::uint32_t pid = 0;
  std::uint32_t user = 0;  // who owns the file
  std::string program, description;
  std::int64_t opened = 0;  // nanoseconds since 1970
  trace::Owner owner = trace::Owner::kUnknown;
  bool out_of_memory = false;   // it has stopped for want of memory
  Time sampled{};               // when gauges and RPCs were last written: CLOCK_MONOTONIC
  bool torn = false;            // it died, or was stopped, while it wrote errors or RPCs
  std::vector<Metric> metrics;  // counters, then gauges
  std::vector<Distribution> distributions;
  std::vector<ErrorSeen> errors;      // the latest first
  std::vector<RpcSeen> rpcs;          // those that began first
  std::vector<ProgramSeen> programs;  // of other processes; those with most memory first

  bool lives() const { return owner != trace::Owner::kGone; }
  // 0: there is none of that name.
  std::uint64_t value(std::string_view name) const;
};

// kInvalidArgument: it is no state file, or of another version; the text says which.
Result<EngineState, Error> parse_state(std::span<const std::byte> bytes);
// The same for a file, with its owner. kSystem: it cannot be read.
Result<EngineState, Error> read_state(const std::string& path);
// Of all engines in a folder, by pid; files that are none are left out. `with_dead`: also what dead
// processes left.
std::vector<EngineState> read_states(const std::string& folder, bool with_dead);
// Those of a process, by its pid, or of the programs of a name; all of them when it is empty.
std::vector<EngineState> select(std::vector<EngineState> states, std::string_view pid_or_name);

}  // namespace homa::observe
