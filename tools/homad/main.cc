// homad: one Homa engine for all programs of a host (docs/operating.md#homad).
#include <CLI/CLI.hpp>

#include "daemon/daemon.h"
#include "homa_version.h"
#include "tools/options/command.h"
#include "tools/options/host_options.h"
#include "tools/options/parse.h"

namespace homa::tools {
namespace {

constexpr const char* kName = "homad";

int run(const daemon::DaemonConfig& config) {
  auto daemon = daemon::Daemon::start(config);
  if (!daemon) return report_error(kName, daemon.error());
  (*daemon)->run();
  return kSuccess;
}

int main(int argc, char** argv) {
  CLI::App app{"One Homa engine for all programs of a host", kName};
  app.set_version_flag("--version", "homad " HOMA_VERSION " (" HOMA_COMMIT ")");
  daemon::DaemonConfig config;
  HostOptions host;
  std::string level = "info";
  bool json = false;
  app.add_option("--socket", config.socket, "where programs attach")->capture_default_str();
  app.add_option("--log-level", level, "error, warning, info, debug")
      ->check(CLI::IsMember({"error", "warning", "info", "debug"}))
      ->capture_default_str();
  app.add_flag("--log-json", json, "log lines are JSON objects");
  host.add_engine_to(app);
  if (const auto ended = parse_command_line(app, argc, argv)) return *ended;
  config.host = host.host_config();
  config.log_format = json ? daemon::LogFormat::kJson : daemon::LogFormat::kText;
  config.log_level = level == "error"     ? daemon::LogLevel::kError
                     : level == "warning" ? daemon::LogLevel::kWarning
                     : level == "debug"   ? daemon::LogLevel::kDebug
                                          : daemon::LogLevel::kInfo;
  return run(config);
}

}  // namespace
}  // namespace homa::tools

int main(int argc, char** argv) { return homa::tools::main(argc, argv); }
