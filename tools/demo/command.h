// `homa demo`: the same RPC load over Homa and over TCP in turn, in a lab or, without root, on
// loopback; a table, and JSON that ./demo turns into a report.
#pragma once

#include "tools/options/command.h"

namespace homa::tools {

void add_demo_command(CLI::App& app, Run& run);

}  // namespace homa::tools
