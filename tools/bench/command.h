// `homa bench`: RPC load over Homa and TCP, in a lab, between lab hosts that exist, or on loopback.
#pragma once

#include "tools/options/command.h"

namespace homa::tools {

void add_bench_command(CLI::App& app, Run& run);

}  // namespace homa::tools
