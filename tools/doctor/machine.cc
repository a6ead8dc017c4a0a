#include "tools/doctor/machine.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace homa::tools {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kCpus = "/sys/devices/system/cpu";
constexpr std::uint64_t kIdleExitMax = 50;          // microseconds
constexpr std::uint64_t kSocketBuffer = 8'388'608;  // what the udp and raw back ends ask for

std::optional<std::uint64_t> number(const std::optional<std::string>& text) {
  std::uint64_t value = 0;
  if (!text) return std::nullopt;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), value);
  return error == std::errc() ? std::optional(value) : std::nullopt;
}

// The folder of this process in the unified hierarchy; empty: there is none.
std::string cgroup_of(const SystemFiles& files) {
  std::istringstream lines(files.read("/proc/self/cgroup").value_or(""));
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("0::/")) return line.substr(3);
  }
  return {};
}

}  // namespace

std::optional<std::string> SystemFiles::read(const std::string& path) const {
  std::ifstream file(root_ + path);
  if (!file) return std::nullopt;
  std::ostringstream text;
  text << file.rdbuf();
  std::string all = std::move(text).str();
  while (!all.empty() && all.back() == '\n') all.pop_back();
  return all;
}

std::vector<std::string> SystemFiles::list(const std::string& folder,
                                           std::string_view prefix) const {
  std::vector<std::string> names;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(root_ + folder, error)) {
    std::string name = entry.path().filename();
    if (name.starts_with(prefix)) names.push_back(std::move(name));
  }
  std::sort(names.begin(), names.end());
  return names;
}

Finding check_clock_source(const SystemFiles& files) {
  constexpr const char* kName = "clock source";
  const auto source =
      files.read("/sys/devices/system/clocksource/clocksource0/current_clocksource");
  if (!source) return {kName, Verdict::kUnchecked, "not known", "/sys does not tell", {}};
  for (const char* fast : {"tsc", "kvm-clock", "hyperv_clocksource_tsc_page", "arch_sys_counter"}) {
    if (*source == fast) return good(kName, *source + ", which is read without a system call");
  }
  return {kName, Verdict::kProblem, *source,
          "each look at the clock is a system call or slower; an engine looks several times a "
          "message",
          "echo tsc > /sys/devices/system/clocksource/clocksource0/current_clocksource, or boot "
          "with clocksource=tsc"};
}

Finding check_governor(const SystemFiles& files) {
  constexpr const char* kName = "frequency governor";
  std::string slow;
  std::size_t cpus = 0;
  for (const std::string& cpu : files.list(std::string(kCpus), "cpu")) {
    const auto governor = files.read(fmt::format("{}/{}/cpufreq/scaling_governor", kCpus, cpu));
    if (!governor) continue;
    ++cpus;
    if (*governor != "performance") slow = fmt::format("{} has {}", cpu, *governor);
  }
  if (cpus == 0) {
    return good(kName, "the system does not choose frequencies (a virtual machine, or fixed)");
  }
  if (slow.empty()) return good(kName, "performance");
  return {kName, Verdict::kNote, slow,
          "a core that was idle begins slowly, so that the first messages take longer",
          "cpupower frequency-set -g performance"};
}

Finding check_idle_states(const SystemFiles& files) {
  constexpr const char* kName = "idle states";
  const std::string folder = fmt::format("{}/cpu0/cpuidle", kCpus);
  std::uint64_t deepest = 0;
  std::string name;
  for (const std::string& state : files.list(folder, "state")) {
    const std::string path = folder + "/" + state;
    const std::uint64_t exit = number(files.read(path + "/latency")).value_or(0);
    if (number(files.read(path + "/disable")).value_or(0) != 0 || exit < deepest) continue;
    deepest = exit;
    name = files.read(path + "/name").value_or(state);
  }
  if (deepest <= kIdleExitMax) {
    return good(kName, name.empty() ? "none is listed" : fmt::format("left within {} us", deepest));
  }
  return {kName, Verdict::kNote, fmt::format("{} is left after {} us", name, deepest),
          "a message to a core in this state waits so long",
          "--cpu-latency 20 (HostConfig::cpu_latency) keeps cores out of it while a host is open"};
}

Finding check_socket_buffers(const SystemFiles& files, bool root) {
  constexpr const char* kName = "socket buffers";
  const auto most = number(files.read("/proc/sys/net/core/rmem_max"));
  if (!most) return {kName, Verdict::kUnchecked, "not known", "/proc does not tell", {}};
  if (*most >= kSocketBuffer) return good(kName, fmt::format("up to {} bytes", *most));
  if (root) {
    return good(kName, fmt::format("up to {} bytes for others, no limit for root", *most));
  }
  return {kName, Verdict::kProblem, fmt::format("at most {} bytes (net.core.rmem_max)", *most),
          "a burst of packets overflows the buffer while the engine waits for a processor; the "
          "counter io_receive_dropped shows it",
          fmt::format("sysctl -w net.core.rmem_max={}", kSocketBuffer)};
}

// The limits of all groups above hold, too.
Finding check_cgroup(const SystemFiles& files) {
  constexpr const char* kName = "control group";
  std::string group = cgroup_of(files);
  if (group.empty()) return good(kName, "none with limits");
  for (;;) {
    const std::string folder = "/sys/fs/cgroup" + group;
    const std::string limit = files.read(folder + "/cpu.max").value_or("max");
    if (!limit.starts_with("max")) {
      return {
          kName, Verdict::kProblem,
          fmt::format("{} may use {} us of processor time (quota, period)", group, limit),
          "when the quota is used up, the engine stops until the next period: messages wait for "
          "up to that long, and peers may take this host for dead",
          "raise or remove cpu.max (systemd: CPUQuota=), and use cpu.weight instead"};
    }
    if (group.size() <= 1) return good(kName, "no limit of processor time");
    group.resize(std::max<std::size_t>(group.rfind('/'), 1));
  }
}

// Information only: what huge pages would gain was not measured.
Finding check_huge_pages(const SystemFiles& files) {
  constexpr const char* kName = "huge pages";
  const auto mode = files.read("/sys/kernel/mm/transparent_hugepage/shmem_enabled");
  if (!mode) return {kName, Verdict::kUnchecked, "not known", "/sys does not tell", {}};
  const bool huge = mode->find("[always]") != std::string::npos ||
                    mode->find("[within_size]") != std::string::npos;
  return good(kName, huge ? "memory for messages may have them"
                          : "memory for messages has none (shmem_enabled)");
}

Findings check_machine(const SystemFiles& files, bool root) {
  return {check_clock_source(files),         check_governor(files), check_idle_states(files),
          check_socket_buffers(files, root), check_cgroup(files),   check_huge_pages(files)};
}

}  // namespace homa::tools
