#include "daemon/config.h"

#include <fmt/format.h>
#include <grp.h>
#include <pwd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <utility>

#include "base/failure.h"
#include "base/types.h"
#include "core/config_fields.h"
#include "daemon/config_section.h"

namespace homa::daemon {
namespace {

constexpr std::size_t kFileBytesMax = 1 << 20;

std::optional<uid_t> user_of(const std::string& name) {
  const passwd* const found = ::getpwnam(name.c_str());  // by one thread at a time
  if (found == nullptr) return std::nullopt;
  return found->pw_uid;
}

std::optional<gid_t> group_of(const std::string& name) {
  const group* const found = ::getgrnam(name.c_str());
  if (found == nullptr) return std::nullopt;
  return found->gr_gid;
}

void read_engine(ConfigSection section, HostConfig& host) {
  section.text("io", host.backend);
  section.text("address", host.address);
  section.text("interface", host.interface);
  section.whole("udp_port", host.udp_port, 0, 0xffff);
  section.bytes("mtu", host.mtu, 0, 1 << 16);
  section.duration("poll", host.poll);
  section.duration("coalesce", host.coalesce);
  section.duration("cpu_latency", host.cpu_latency);
  section.finish();
}

void read_parameters(ConfigSection section, HostConfig& host) {
  core::CoreConfig scratch;
  for (const std::string& name : section.keys()) {
    std::string value;
    section.scalar(name, value);
    if (auto set = core::set_field(scratch, name, value); !set) {
      section.wrong(name, set.error().text);
    }
    host.parameters[name] = value;
  }
}

void read_limits(ConfigSection& section, Limits& limits) {
  constexpr std::uint64_t kLeast = 1 << 20, kMost = std::uint64_t{1} << 38;
  section.bytes("receive_memory", limits.receive_bytes, kLeast, kMost);
  section.bytes("transmit_memory", limits.transmit_bytes, kLeast, kMost);
  section.whole("sockets", limits.sockets, 1, 4'096);
  section.whole("rpcs", limits.rpcs, 1, 1 << 20);
  section.whole("requests", limits.requests, 1, 1 << 20);
  section.whole("programs", limits.programs, 1, 4'096);
  section.bytes("memory_guaranteed", limits.memory_guaranteed, 0, kMost);
  section.bytes("memory_default", limits.memory_default, kLeast, kMost);
  section.bytes("memory_maximum", limits.memory_maximum, kLeast, kMost);
  section.whole("rpcs_guaranteed", limits.rpcs_guaranteed, 0, 1 << 20);
  if (limits.memory_guaranteed > limits.memory_maximum) {
    section.wrong("memory_guaranteed", "is more than memory_maximum");
  }
  if (limits.receive_bytes > limits.memory_maximum) {
    section.wrong("receive_memory", "is more than memory_maximum");
  }
}

void read_host(ConfigSection section, std::uint64_t& memory) {
  section.bytes("memory", memory, 1 << 20, std::uint64_t{1} << 44);
  section.finish();
}

// One of the two has to be there.
LimitRule read_limit_rule(ConfigSection section, const Limits& usual) {
  LimitRule rule;
  rule.limits = usual;
  std::string user, group;
  section.text("user", user);
  section.text("group", group);
  read_limits(section, rule.limits);
  section.finish();
  if (user.empty() == group.empty()) {
    section.wrong("", "names a user or a group, and not both");
  } else if (!user.empty()) {
    rule.name = "user " + user;
    rule.user = user_of(user);
    if (!rule.user) section.wrong("user", "there is no user \"" + user + "\"");
  } else {
    rule.name = "group " + group;
    rule.group = group_of(group);
    if (!rule.group) section.wrong("group", "there is no group \"" + group + "\"");
  }
  return rule;
}

// "4000" or "1-1023".
bool read_range(const std::string& text, PortRule& rule) {
  unsigned first = 0, last = 0;
  char rest = 0;
  const int read = std::sscanf(text.c_str(), "%5u-%5u%c", &first, &last, &rest);
  if (read == 1 && text.find_first_not_of("0123456789") == std::string::npos) last = first;
  if (read < 1 || read > 2 || first == 0 || last < first || last >= kFirstClientPort) return false;
  rule.first = static_cast<std::uint16_t>(first);
  rule.last = static_cast<std::uint16_t>(last);
  return read == 2 || last == first;
}

PortRule read_port_rule(ConfigSection section) {
  PortRule rule;
  std::string range;
  std::vector<std::string> users, groups;
  section.scalar("ports", range);
  section.texts("users", users);
  section.texts("groups", groups);
  section.finish();
  rule.name = "ports " + range;
  if (!read_range(range, rule)) {
    section.wrong("ports", "ports are 1 to 32767: 4000 or \"4000-4010\", not \"" + range + "\"");
  }
  for (const std::string& name : users) {
    const auto user = user_of(name);
    if (!user) section.wrong("users", "there is no user \"" + name + "\"");
    rule.users.push_back(user.value_or(0));
  }
  for (const std::string& name : groups) {
    const auto group = group_of(name);
    if (!group) section.wrong("groups", "there is no group \"" + name + "\"");
    rule.groups.push_back(group.value_or(0));
  }
  return rule;
}

void read_log(ConfigSection section, DaemonConfig& config) {
  section.choice("level", config.log_level,
                 {{"error", LogLevel::kError},
                  {"warning", LogLevel::kWarning},
                  {"info", LogLevel::kInfo},
                  {"debug", LogLevel::kDebug}});
  section.choice("format", config.log_format,
                 {{"text", LogFormat::kText}, {"json", LogFormat::kJson}});
  section.finish();
}

bool same_engine(const HostConfig& a, const HostConfig& b) {
  return a.backend == b.backend && a.address == b.address && a.interface == b.interface &&
         a.udp_port == b.udp_port && a.mtu == b.mtu && a.poll == b.poll &&
         a.coalesce == b.coalesce && a.cpu_latency == b.cpu_latency && a.parameters == b.parameters;
}

}  // namespace

Result<DaemonConfig, Error> parse_config(std::string_view text, const std::string& path) {
  std::string problem;
  const auto tables = parse_toml(text, problem);
  DaemonConfig config;
  if (problem.empty()) {
    ConfigSection top = tables->top(problem);
    top.text("socket", config.socket);
    top.flag("sandbox", config.sandbox);
    read_engine(top.table("engine"), config.host);
    read_parameters(top.table("parameters"), config.host);
    read_log(top.table("log"), config);
    read_host(top.table("host"), config.memory);
    Limits usual;
    ConfigSection limits = top.table("limits");
    read_limits(limits, usual);
    limits.finish();
    std::vector<LimitRule> limit_rules;
    for (ConfigSection& section : top.tables("limits_of")) {
      limit_rules.push_back(read_limit_rule(std::move(section), usual));
    }
    std::vector<PortRule> port_rules;
    for (ConfigSection& section : top.tables("ports")) {
      port_rules.push_back(read_port_rule(std::move(section)));
    }
    top.finish();
    config.policy = Policy(usual, std::move(limit_rules), std::move(port_rules));
  }
  if (problem.empty()) return config;
  return failure(ErrorCode::kInvalidArgument, path + ": " + problem);
}

Result<DaemonConfig, Error> read_config(const std::string& path) {
  std::ifstream file(path);
  if (!file) {
    return failure(ErrorCode::kSystem, "cannot read " + path + ": " + std::strerror(errno));
  }
  std::string text(kFileBytesMax, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(file.gcount()));
  return parse_config(text, path);
}

std::vector<std::string> needs_restart(const DaemonConfig& running, const DaemonConfig& wanted) {
  std::vector<std::string> parts;
  if (running.socket != wanted.socket) parts.push_back("socket");
  if (!same_engine(running.host, wanted.host)) parts.push_back("engine and parameters");
  if (running.sandbox != wanted.sandbox) parts.push_back("sandbox");
  if (running.log_format != wanted.log_format) parts.push_back("log.format");
  return parts;
}

}  // namespace homa::daemon
