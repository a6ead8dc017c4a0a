// `homa sim check`: random small worlds in which every packet and byte is verified.
#pragma once

#include "tools/options/command.h"

namespace homa::tools {

void add_sim_check_command(CLI::App& sim, Run& run);

}  // namespace homa::tools
