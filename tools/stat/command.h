// `homa stat`, `homa rpcs`, `homa errors`: what the engines of this host say of themselves. They
// are not asked and do not notice.
#pragma once

#include "tools/options/command.h"

namespace homa::tools {

void add_stat_command(CLI::App& app, Run& run);
void add_rpcs_command(CLI::App& app, Run& run);
void add_errors_command(CLI::App& app, Run& run);

}  // namespace homa::tools
