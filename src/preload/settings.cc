#include "preload/settings.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <limits>
#include <optional>
#include <string_view>
#include <type_traits>
#include <utility>

#include "base/failure.h"
#include "base/quantity.h"

namespace homa::preload {
namespace {

constexpr std::string_view kPrefix = "HOMA_RUN_";

constexpr std::pair<std::string_view, EngineChoice> kEngineChoices[] = {
    {"auto", EngineChoice::kAuto}, {"own", EngineChoice::kOwn}, {"daemon", EngineChoice::kDaemon}};

// Each reads a value; false: it is none. The counterparts write it.
bool read(std::string_view text, std::string& value) {
  value = text;
  return true;
}
template <typename T>
requires std::is_unsigned_v<T>
bool read(std::string_view text, T& value) {
  const auto number = base::parse_bytes(text);
  if (!number || *number > std::numeric_limits<T>::max()) return false;
  value = static_cast<T>(*number);
  return true;
}
bool read(std::string_view text, bool& value) {
  value = text == "1";
  return text == "0" || text == "1";
}
bool read(std::string_view text, double& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && end == text.data() + text.size() && value >= 0 && value <= 1;
}
bool read(std::string_view text, std::chrono::microseconds& value) {
  const auto time = base::parse_duration(text, base::BareDuration::kMicroseconds);
  if (!time) return false;
  value = std::chrono::duration_cast<std::chrono::microseconds>(*time);
  return true;
}
bool read(std::string_view text, EngineChoice& value) {
  for (const auto& [name, choice] : kEngineChoices) {
    if (text != name) continue;
    value = choice;
    return true;
  }
  return false;
}
template <typename T>
bool read(std::string_view text, std::optional<T>& value) {
  return read(text, value.emplace());
}
// "name=value name=value"
bool read(std::string_view text, std::map<std::string, std::string>& values) {
  while (!text.empty()) {
    const std::string_view word = text.substr(0, text.find(' '));
    text.remove_prefix(std::min(text.size(), word.size() + 1));
    if (word.empty()) continue;
    const std::size_t equals = word.find('=');
    if (equals == std::string_view::npos) return false;
    values[std::string(word.substr(0, equals))] = word.substr(equals + 1);
  }
  return true;
}

std::string write(const std::string& value) { return value; }
template <typename T>
requires std::is_arithmetic_v<T> std::string write(T value) {
  char text[64];
  const auto end = [&] {
    if constexpr (std::is_same_v<T, bool>) {
      return std::to_chars(text, text + sizeof(text), value ? 1 : 0).ptr;
    } else {
      return std::to_chars(text, text + sizeof(text), value).ptr;
    }
  }();
  return {text, end};
}
std::string write(std::chrono::microseconds value) { return std::to_string(value.count()) + "us"; }
std::string write(EngineChoice value) {
  for (const auto& [name, choice] : kEngineChoices) {
    if (value == choice) return std::string(name);
  }
  return {};
}
template <typename T>
std::string write(const std::optional<T>& value) {
  return value ? write(*value) : std::string();
}
std::string write(const std::map<std::string, std::string>& values) {
  std::string text;
  for (const auto& [name, value] : values) {
    text += (text.empty() ? "" : " ") + name + "=" + value;
  }
  return text;
}

struct Setting {
  const char* name;
  const char* meaning;
  bool (*read)(std::string_view text, HostConfig& config);
  std::string (*write)(const HostConfig& config);
};

template <auto member>
constexpr Setting setting(const char* name, const char* meaning) {
  return {
      name, meaning,
      [](std::string_view text, HostConfig& config) { return preload::read(text, config.*member); },
      [](const HostConfig& config) { return preload::write(config.*member); }};
}

constexpr Setting kSettings[] = {
    setting<&HostConfig::engine>("HOMA_RUN_ENGINE", "auto, own or daemon"),
    setting<&HostConfig::daemon_socket>("HOMA_RUN_DAEMON", "homad's socket"),
    setting<&HostConfig::backend>("HOMA_RUN_IO", "udp, raw, xdp or auto"),
    setting<&HostConfig::address>("HOMA_RUN_ADDRESS", "local IP address"),
    setting<&HostConfig::interface>("HOMA_RUN_INTERFACE", "network device"),
    setting<&HostConfig::udp_port>("HOMA_RUN_UDP_PORT", "UDP port of servers' engines"),
    setting<&HostConfig::mtu>("HOMA_RUN_MTU", "IP packet size limit"),
    setting<&HostConfig::takeover>("HOMA_RUN_TAKEOVER", "then the library's thread runs"),
    setting<&HostConfig::run_in_callers>("HOMA_RUN_IN_CALLERS", "0: only the library's thread"),
    setting<&HostConfig::poll>("HOMA_RUN_POLL", "look for packets so long before sleeping"),
    setting<&HostConfig::coalesce>("HOMA_RUN_COALESCE", "look away so long on a busy link"),
    setting<&HostConfig::cpu_latency>("HOMA_RUN_CPU_LATENCY", "limit of idle states (root)"),
    setting<&HostConfig::receive_bytes>("HOMA_RUN_RECEIVE_MEMORY", "for incoming messages"),
    setting<&HostConfig::transmit_bytes>("HOMA_RUN_TRANSMIT_MEMORY", "of each socket"),
    setting<&HostConfig::parameters>("HOMA_RUN_SET", "protocol parameters: NAME=VALUE ..."),
    setting<&HostConfig::loss>("HOMA_RUN_LOSS", "fraction of sent packets to lose"),
    setting<&HostConfig::duplication>("HOMA_RUN_DUP", "fraction to send twice"),
    setting<&HostConfig::reordering>("HOMA_RUN_REORDER", "fraction to hold back"),
    setting<&HostConfig::fault_seed>("HOMA_RUN_FAULT_SEED", "of these faults"),
    setting<&HostConfig::pcap>("HOMA_RUN_PCAP", "write every packet to this file"),
};

const Setting* find(std::string_view name) {
  for (const Setting& setting : kSettings) {
    if (setting.name == name) return &setting;
  }
  return nullptr;
}

}  // namespace

std::vector<SettingName> setting_names() {
  std::vector<SettingName> names;
  for (const Setting& setting : kSettings) names.push_back({setting.name, setting.meaning});
  return names;
}

Result<HostConfig, Error> read_settings(const char* const* environment) {
  HostConfig config;
  for (; environment != nullptr && *environment != nullptr; ++environment) {
    const std::string_view line = *environment;
    if (!line.starts_with(kPrefix)) continue;
    const std::string_view name = line.substr(0, line.find('='));
    const Setting* const known = find(name);
    if (known == nullptr) {
      return failure(ErrorCode::kInvalidArgument,
                     "there is no setting " + std::string(name) + " (docs/kernel-programs.md)");
    }
    const std::string_view value = line.substr(std::min(line.size(), name.size() + 1));
    if (!known->read(value, config)) {
      return failure(ErrorCode::kInvalidArgument,
                     std::string(name) + " cannot be \"" + std::string(value) + "\"");
    }
  }
  return config;
}

std::vector<std::string> write_settings(const HostConfig& config) {
  std::vector<std::string> lines;
  for (const Setting& setting : kSettings) {
    std::string value = setting.write(config);
    if (value != setting.write(HostConfig{})) lines.push_back(setting.name + ("=" + value));
  }
  return lines;
}

}  // namespace homa::preload
