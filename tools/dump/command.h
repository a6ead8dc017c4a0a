// `homa dump FILE.pcap`: a capture a line per packet.
#pragma once

#include "tools/options/command.h"

namespace homa::tools {

void add_dump_command(CLI::App& app, Run& run);

}  // namespace homa::tools
