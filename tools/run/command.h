// `homa run`: programs that were written for the kernel's Homa, over this library.
#pragma once

#include "tools/options/command.h"

namespace homa::tools {

void add_run_command(CLI::App& app, Run& run);

}  // namespace homa::tools
