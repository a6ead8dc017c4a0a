// `homa exporter`: the engines of this host for Prometheus, over HTTP.
#pragma once

#include "tools/options/command.h"

namespace homa::tools {

void add_exporter_command(CLI::App& app, Run& run);

}  // namespace homa::tools
