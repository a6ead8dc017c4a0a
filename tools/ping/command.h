// `homa ping HOST:PORT`: the latency of small RPCs, one after another.
#pragma once

#include "tools/options/command.h"

namespace homa::tools {

void add_ping_command(CLI::App& app, Run& run);

}  // namespace homa::tools
