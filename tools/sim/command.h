// `homa sim`: a datacenter in virtual time. Subcommands: sweep (many runs), check (random runs that
// verify everything).
#pragma once

#include "tools/options/command.h"

namespace homa::tools {

void add_sim_command(CLI::App& app, Run& run);

}  // namespace homa::tools
