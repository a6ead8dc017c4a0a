// `homa get` and `homa set`: the parameters of engines that run.
#pragma once

#include "tools/options/command.h"

namespace homa::tools {

void add_get_command(CLI::App& app, Run& run);
void add_set_command(CLI::App& app, Run& run);

}  // namespace homa::tools
