// Whether a signal handler ran in the calling thread that system calls do not survive: one that was
// installed without SA_RESTART. A blocked recvmsg() then has to fail with EINTR.
//
// The kernel tells only who sleeps in it, and our threads mostly do not. So handlers are wrapped
// when they are installed, and the wrapper counts.
#pragma once

#include <csignal>
#include <cstdint>

namespace homa::preload {

using Sigaction = int (*)(int, const struct sigaction*, struct sigaction*);

// sigaction() as programs see it, by means of the `real` one. Safe in signal handlers.
int install_handler(int number, const struct sigaction* action, struct sigaction* before,
                    Sigaction real);

// Wrapped handlers that ran in this thread so far.
std::uint64_t interruptions();
// Some handler was wrapped since the program began.
bool interruptions_possible();

}  // namespace homa::preload
