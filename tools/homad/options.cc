#include "tools/homad/options.h"

#include <map>
#include <utility>

namespace homa::tools {

void HomadOptions::add_to(CLI::App& app) {
  app.footer(
      "  homad\n"
      "  homad --config /etc/homa/homad.toml\n"
      "  homad --socket /tmp/homad.sock --address 127.0.0.1 --udp-port 0\n"
      "SIGHUP reads the file again: limits, ports and the log's level follow it; the log says "
      "what\n"
      "needs a new start. SIGTERM and SIGINT end it. Programs find homad by its socket, or by the\n"
      "environment variable HOMA_DAEMON.");
  CLI::Option* const file = app.add_option("--config", file_, "a TOML file");
  app.add_flag("--check-config", only_check_, "say whether the file is good, and end")->needs(file);
  app.add_option("--socket", socket_, "where programs attach")
      ->default_str(channel::kDefaultDaemonSocket);
  app.add_option("--log-level", level_, "error, warning, info, debug")
      ->check(CLI::IsMember({"error", "warning", "info", "debug"}))
      ->default_str("info");
  app.add_flag("--log-json", json_, "log lines are JSON objects");
  app.add_flag("--replace", replace_, "take the place of the homad that runs, if one does");
  app.add_flag("--no-sandbox", no_sandbox_, "allow all system calls, as debuggers need");
  host_.add_engine_to(app);
  for (CLI::Option* const option : app.get_options()) {
    // Two places for the same would need a rule which one counts.
    if (option->get_group() == "Host") option->excludes(file);
  }
}

Result<daemon::DaemonConfig, Error> HomadOptions::config() const {
  daemon::DaemonConfig config;
  config.host = host_.host_config();
  if (!file_.empty()) {
    auto read = daemon::read_config(file_);
    if (!read) return Unexpected(read.error());
    config = std::move(read).value();
  }
  if (!socket_.empty()) config.socket = socket_;
  const std::map<std::string, LogLevel> levels{{"error", LogLevel::kError},
                                               {"warning", LogLevel::kWarning},
                                               {"info", LogLevel::kInfo},
                                               {"debug", LogLevel::kDebug}};
  if (!level_.empty()) config.log_level = levels.at(level_);
  if (no_sandbox_) config.sandbox = false;
  if (json_) config.log_format = daemon::LogFormat::kJson;
  return config;
}

}  // namespace homa::tools
