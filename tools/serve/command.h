// `homa serve`: a server for `homa ping`, tests and tries.
#pragma once

#include "tools/options/command.h"

namespace homa::tools {

void add_serve_command(CLI::App& app, Run& run);

}  // namespace homa::tools
