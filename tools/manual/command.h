// `homa manual FOLDER`: writes the man pages and shell completions. The build runs it; --help does
// not show it.
#pragma once

#include "tools/options/command.h"

namespace homa::tools {

void add_manual_command(CLI::App& app, Run& run);

}  // namespace homa::tools
