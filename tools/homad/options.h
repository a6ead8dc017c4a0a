// The command line of homad.
#pragma once

#include <CLI/CLI.hpp>

#include <string>

#include "daemon/config.h"
#include "tools/options/host_options.h"

namespace homa::tools {

// Lives as long as the command line that it was added to.
class HomadOptions {
 public:
  static constexpr const char* kDescription = "One Homa engine for all programs of a host";

  void add_to(CLI::App& app);

  // What the file says, and what the command line says instead of it.
  Result<daemon::DaemonConfig, Error> config() const;
  const std::string& file() const { return file_; }
  bool only_check() const { return only_check_; }
  bool replace() const { return replace_; }

 private:
  std::string file_;
  bool only_check_ = false;
  bool no_sandbox_ = false;
  bool replace_ = false;
  std::string socket_;
  std::string level_;
  bool json_ = false;
  HostOptions host_;
};

}  // namespace homa::tools
