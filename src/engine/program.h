// A program that an engine serves: its account, the memory that its messages lie in, and what it
// may have in progress. An embedded engine has one, the process that it is in, and one for each
// socket there whose messages lie in memory of their own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "core/packets.h"
#include "engine/bell_group.h"
#include "engine/receive_region.h"
#include "engine/step_budget.h"

namespace homa::engine {

struct ProgramLimits {
  std::uint32_t channels_max = 0;  // sockets
  std::uint32_t rpcs_max = 0;      // that all of them have started and that are in progress
  core::AccountLimits account;     // receive_bytes is as large as the memory that it shares
};

// What the program did that it should not, and which limits it met; for its host's log.
struct Incidents {
  std::uint64_t channels_broken = 0;      // by what it wrote into their rings
  std::uint64_t rpcs_refused = 0;         // it had rpcs_max in progress
  std::uint64_t submissions_refused = 0;  // they made no sense

  friend bool operator==(const Incidents&, const Incidents&) = default;
};

// The process of a program, as tools see it; pid 0: of another namespace.
struct ProgramOwner {
  std::uint32_t pid = 0;
  std::uint32_t user = 0;
};

struct Program {
  Program(core::AccountId its_account, ReceiveRegion memory, const ProgramLimits& its_limits)
      : account(its_account), receive(std::move(memory)), limits(its_limits) {}

  const core::AccountId account;
  ReceiveRegion receive;
  const ProgramLimits limits;
  std::vector<std::unique_ptr<BellGroup>> bells;  // none: those of the engine's own process
  std::size_t channels = 0;
  std::uint32_t rpcs = 0;            // started and in progress
  bool leaving = false;              // it is gone, and what it had is taken back
  StepShare share;                   // of what steps take
  std::size_t completions_held = 0;  // that found no room in the rings of its channels
  Incidents incidents;
  std::optional<ProgramOwner> owner;  // none: it is our own process
};

}  // namespace homa::engine
