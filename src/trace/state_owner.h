// Whether the process that made a state file still lives.
#pragma once

#include <cstdint>
#include <string>

#include "trace/state_layout.h"

namespace homa::trace {

// State files are homa-PID-XXXXXX in this folder: the environment variable HOMA_STATE, else
// /dev/shm. Empty ("off" in HOMA_STATE): there are none.
std::string state_folder();
inline constexpr std::string_view kStatePrefix = "homa-";
// The PID in a file's name; 0: it is no state file's.
std::uint32_t pid_in_name(std::string_view name);

// When a process began, in clock ticks since the system started; 0: there is none, or /proc does
// not tell.
std::uint64_t process_started(std::uint32_t pid);
// A number for the namespace in which our pids count; 0: /proc does not tell.
std::uint64_t pid_namespace();

enum class Owner : std::uint8_t {
  kLives,
  kGone,
  kUnknown,  // it is of another pid namespace
};
Owner look_for(const StateOwner& owner);

// This process.
StateOwner state_owner();

}  // namespace homa::trace
