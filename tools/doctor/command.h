// `homa doctor`: what stands between this host, or a peer, and good latency.
#pragma once

#include "tools/options/command.h"

namespace homa::tools {

void add_doctor_command(CLI::App& app, Run& run);

}  // namespace homa::tools
