// An engine's counters as applications see them.
#pragma once

#include <optional>
#include <vector>

#include "homa/host.h"
#include "io/packet_io.h"
#include "trace/trace.h"

namespace homa::client {

// By any thread; with those of the back end where `io` has them.
std::vector<Counter> read_counters(const trace::Counters& counters,
                                   const std::optional<io::IoStatistics>& io);

}  // namespace homa::client
