// `homa lab`: build a cluster in a box, run programs on its hosts, take it down.
#pragma once

#include "tools/options/command.h"

namespace homa::tools {

void add_lab_command(CLI::App& app, Run& run);

}  // namespace homa::tools
