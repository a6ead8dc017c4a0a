// Least privilege: what homad gives up once its sockets are open. Whoever takes it over by a
// mistake of ours can start no program, open no file for writing, reach no other host but by Homa,
// and look into no other process.
#pragma once

#include "homa/error.h"
#include "homa/result.h"

namespace homa::daemon {

// What a back end still does after its start.
enum class SandboxFor : std::uint8_t {
  kSockets,  // udp, raw: uses the sockets that are open
  kXdp,      // takes its program from the device at the end: keeps the capabilities for that
};

// Of the whole process, for good: capabilities are dropped, no program that is started gives new
// ones, and system calls that homad does not need are refused: EPERM, or the end of the process
// where no mistake explains the call (starting a program, looking into another process). Threads
// that run already are included. kSystem: the kernel has no such filter; the rest is done.
Result<void, Error> enter_sandbox(SandboxFor back_end);

}  // namespace homa::daemon
