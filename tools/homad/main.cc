// homad: one Homa engine for all programs of a host (docs/operating.md#homad).
#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "daemon/daemon.h"
#include "homa_version.h"
#include "tools/homad/options.h"
#include "tools/options/command.h"
#include "tools/options/parse.h"

namespace homa::tools {
namespace {

constexpr const char* kName = "homad";

int main(int argc, char** argv) {
  CLI::App app{HomadOptions::kDescription, kName};
  app.set_version_flag("--version", "homad " HOMA_VERSION " (" HOMA_COMMIT ")");
  HomadOptions options;
  options.add_to(app);
  if (const auto ended = parse_command_line(app, argc, argv)) return *ended;
  const auto config = options.config();
  if (!config) return report_error(kName, config.error());
  if (options.only_check()) {
    fmt::print("{}: good\n", options.file());
    return kSuccess;
  }
  auto daemon = daemon::Daemon::start(*config, options.file(), options.replace());
  if (!daemon) return report_error(kName, daemon.error());
  (*daemon)->run();
  return kSuccess;
}

}  // namespace
}  // namespace homa::tools

int main(int argc, char** argv) { return homa::tools::main(argc, argv); }
