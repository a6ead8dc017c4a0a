// `homa call HOST:PORT package.Service/Method '{json}'`: calls a method of a homa::rpc server,
// whose messages it learns by reflection. `--list`: what the server has.
#pragma once

#include "tools/options/command.h"

namespace homa::tools {

void add_call_command(CLI::App& app, Run& run);

}  // namespace homa::tools
