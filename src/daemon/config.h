// homad's configuration: a TOML file (docs/operating.md#configuration), with a default for all that
// it does not say.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "channel/control.h"
#include "daemon/log.h"
#include "daemon/policy.h"
#include "homa/host.h"

namespace homa::daemon {

struct DaemonConfig {
  std::string socket = channel::kDefaultDaemonSocket;
  HostConfig host;      // Packets, Protocol, Faults, coalesce, cpu_latency and poll are used
  bool sandbox = true;  // see daemon/sandbox.h
  LogFormat log_format = LogFormat::kText;
  LogLevel log_level = LogLevel::kInfo;
  std::uint64_t memory = 0;  // bytes of messages of all programs together; 0: half of the machine's
  Policy policy;
};

// kInvalidArgument: the text says which line, what is wrong there, and what may stand there. Looks
// users and groups up, which may take long. `path`: for messages.
Result<DaemonConfig, Error> parse_config(std::string_view text, const std::string& path);
// The same from a file. kSystem: it cannot be read.
Result<DaemonConfig, Error> read_config(const std::string& path);

// What differs and needs a new start: "engine", "socket", "log.format".
std::vector<std::string> needs_restart(const DaemonConfig& running, const DaemonConfig& wanted);

}  // namespace homa::daemon
