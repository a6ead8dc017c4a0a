// `homa top`: a live view of all engines of this host.
#pragma once

#include "tools/options/command.h"

namespace homa::tools {

void add_top_command(CLI::App& app, Run& run);

}  // namespace homa::tools
