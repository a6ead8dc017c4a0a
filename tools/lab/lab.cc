#include "tools/lab/lab.h"

#include <fmt/format.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>

#include "base/failure.h"
#include "tools/lab/plan.h"
#include "tools/process/process.h"

namespace homa::tools {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

constexpr const char* kStateFolder = "/run/homa/labs";
constexpr const char* kPackages = "apt-get install iproute2 ethtool";

fs::path state_file(const std::string& name) { return fs::path(kStateFolder) / (name + ".json"); }

Json to_json(const LabConfig& config) {
  return Json{{"name", config.name},
              {"hosts", config.hosts},
              {"rate", config.rate},
              {"buffer", config.buffer},
              {"buffer_in_bytes", config.buffer_in_bytes},
              {"priorities", config.priorities},
              {"mtu", config.mtu},
              {"offloads", config.offloads},
              {"direct", config.direct},
              {"owner", config.owner},
              {"network_cpu", config.network_cpu}};
}

Result<Lab, Error> read_state(const fs::path& file) {
  std::ifstream in(file);
  const Json state = Json::parse(in, nullptr, false);
  if (!state.is_object()) {
    return failure(ErrorCode::kSystem, file.string() + " is not a lab's state");
  }
  LabConfig config;
  config.name = state.value("name", file.stem().string());
  config.hosts = state.value("hosts", 0);
  config.rate = state.value("rate", config.rate);
  config.buffer = state.value("buffer", config.buffer);
  config.buffer_in_bytes = state.value("buffer_in_bytes", false);
  config.priorities = state.value("priorities", config.priorities);
  config.mtu = state.value("mtu", config.mtu);
  config.offloads = state.value("offloads", false);
  config.direct = state.value("direct", false);
  config.owner = state.value("owner", pid_t{0});
  config.network_cpu = state.value("network_cpu", -1);
  return Lab(config);
}

// Creating the file claims the name: only one of two processes can.
Result<void, Error> claim(const LabConfig& config) {
  std::error_code failed;
  fs::create_directories(kStateFolder, failed);
  const std::string file = state_file(config.name).string();
  std::FILE* out = std::fopen(file.c_str(), "wx");
  if (out == nullptr && errno == EEXIST) {
    return failure(ErrorCode::kInUse,
                   fmt::format("lab '{0}' exists already: `homa lab down {0}` removes it, "
                               "or choose another name",
                               config.name));
  }
  if (out == nullptr) return system_failure("cannot write " + file, errno);
  const std::string text = to_json(config).dump(2);
  std::fwrite(text.data(), 1, text.size(), out);
  std::fclose(out);
  return {};
}

// The lab's namespaces that exist, whatever its state file says.
std::vector<std::string> namespaces_of(const std::string& lab) {
  std::vector<std::string> names;
  std::error_code failed;
  const std::string prefix = fmt::format("homa-{}-", lab);
  for (const auto& entry : fs::directory_iterator("/run/netns", failed)) {
    const std::string name = entry.path().filename();
    if (!name.starts_with(prefix)) continue;
    const std::string rest = name.substr(prefix.size());
    const bool number = !rest.empty() && std::all_of(rest.begin(), rest.end(),
                                                     [](char c) { return c >= '0' && c <= '9'; });
    if (number || rest == "switch") names.push_back(name);
  }
  return names;
}

std::vector<pid_t> processes_in(const std::string& name) {
  struct stat wanted {};
  if (::stat(("/run/netns/" + name).c_str(), &wanted) != 0) return {};
  std::vector<pid_t> pids;
  std::error_code failed;
  for (const auto& entry : fs::directory_iterator("/proc", failed)) {
    const std::string text = entry.path().filename();
    pid_t pid = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), pid);
    if (error != std::errc() || end != text.data() + text.size()) continue;
    struct stat found {};
    if (::stat((entry.path() / "ns/net").c_str(), &found) != 0) continue;
    if (found.st_ino == wanted.st_ino && found.st_dev == wanted.st_dev) pids.push_back(pid);
  }
  return pids;
}

void end_processes(const std::vector<std::string>& namespaces) {
  for (const int signal : {SIGTERM, SIGKILL}) {
    for (int attempt = 0; attempt < 20; ++attempt) {
      bool any = false;
      for (const std::string& name : namespaces) {
        for (const pid_t pid : processes_in(name)) {
          any = any || pid != ::getpid();
          if (attempt == 0 && pid != ::getpid()) ::kill(pid, signal);
        }
      }
      if (!any) return;
      std::this_thread::sleep_for(std::chrono::milliseconds(25));
    }
  }
}

void remove_everything(const std::string& name) {
  const std::vector<std::string> namespaces = namespaces_of(name);
  end_processes(namespaces);
  std::string batch;
  for (const std::string& each : namespaces) batch += fmt::format("netns del {}\n", each);
  // A namespace that vanished meanwhile is what was wanted.
  if (!batch.empty()) (void)run_program({"ip", "-force", "-batch", "-"}, batch);
  std::error_code failed;
  fs::remove(state_file(name), failed);
}

void write_setting(const std::string& path, std::string_view value) {
  // Settings that this kernel lacks need no change.
  std::ofstream(path) << value;
}

// Links without a rate carry what several processors can: none is set apart for them.
int choose_network_cpu(const LabConfig& config) {
  const std::vector<int> cpus = allowed_cpus();
  return cpus.size() < 2 || config.direct || config.rate == 0 ? -1 : cpus.front();
}

Result<void, Error> run_plan(const LabPlan& plan) {
  for (const LabStep& step : plan.steps) {
    if (StopGuard::stop_requested()) {
      return failure(ErrorCode::kCancelled, "interrupted");
    }
    if (const auto done = run_program(step.command, step.input); !done) {
      return Unexpected(done.error());
    }
  }
  for (const LabSetting& setting : plan.settings) {
    const auto done = in_namespace(setting.in, [&] { write_setting(setting.path, setting.value); });
    if (!done) return Unexpected(done.error());
  }
  return {};
}

}  // namespace

Result<void, Error> LabConfig::validate() const {
  const auto refuse = [](std::string text) {
    return failure(ErrorCode::kInvalidArgument, std::move(text));
  };
  const bool plain = std::all_of(name.begin(), name.end(),
                                 [](unsigned char c) { return std::isalnum(c) != 0 || c == '-'; });
  if (name.empty() || name.size() > 24 || !plain) {
    return refuse("a lab's name is 1 to 24 letters, digits and '-', not '" + name + "'");
  }
  if (hosts < 1 || hosts > 250) return refuse("a lab has 1 to 250 hosts");
  if (direct && hosts != 2) return refuse("a direct link joins exactly 2 hosts");
  if (rate != 0 && rate < 1'000'000) return refuse("a link's rate is at least 1 Mbit/s (or 0)");
  if (buffer == 0) return refuse("a switch port needs a buffer");
  if (priorities < 1 || priorities > 8) return refuse("a switch has 1 to 8 priorities");
  if (mtu < 576 || mtu > 9000) return refuse("the MTU is 576 to 9000 bytes");
  return {};
}

std::string Lab::host_namespace(int host) const {
  return fmt::format("homa-{}-{}", config_.name, host);
}
std::string Lab::switch_namespace() const { return fmt::format("homa-{}-switch", config_.name); }
std::string Lab::host_address(int host) { return fmt::format("10.77.0.{}", host); }
std::string Lab::host_address_v6(int host) { return fmt::format("fd77::{:x}", host); }

Result<void, Error> lab_available() {
  if (::geteuid() != 0) {
    return failure(ErrorCode::kNotPermitted,
                   "a lab is made of network namespaces, and only root may create "
                   "them: run it with sudo");
  }
  std::string missing;
  for (const std::string_view program : {"ip", "tc", "ethtool"}) {
    if (find_program(program).empty()) missing += fmt::format(" {}", program);
  }
  if (!missing.empty()) {
    return failure(ErrorCode::kSystem,
                   fmt::format("a lab needs the programs{}: `{}`", missing, kPackages));
  }
  return {};
}

Result<Lab, Error> lab_up(const LabConfig& config) {
  if (const auto valid = config.validate(); !valid) return Unexpected(valid.error());
  if (const auto able = lab_available(); !able) return Unexpected(able.error());
  LabConfig chosen = config;
  chosen.network_cpu = choose_network_cpu(config);
  if (const auto claimed = claim(chosen); !claimed) return Unexpected(claimed.error());
  const Lab lab(chosen);
  const auto built = run_plan(plan_lab(lab));
  if (built) return lab;
  remove_everything(config.name);
  Error error = built.error();
  if (error.code != ErrorCode::kCancelled) {
    error.text = fmt::format("lab '{}' could not be built and was removed again: {}", config.name,
                             error.text);
  }
  return Unexpected(error);
}

Result<void, Error> share_network_cpu(const std::string& name) {
  const auto lab = find_lab(name);
  if (!lab) return Unexpected(lab.error());
  if (lab->config().network_cpu < 0) return {};
  LabConfig config = lab->config();
  config.network_cpu = -1;
  LabPlan plan;
  plan.steps = network_cpu_steps(Lab(config));
  if (const auto done = run_plan(plan); !done) return done;
  std::ofstream(state_file(name)) << to_json(config).dump(2);
  return {};
}

Result<void, Error> lab_down(const std::string& name) {
  if (const auto able = lab_available(); !able) return Unexpected(able.error());
  std::error_code failed;
  if (!fs::exists(state_file(name), failed) && namespaces_of(name).empty()) {
    return failure(ErrorCode::kInvalidArgument,
                   "there is no lab '" + name + "'; `homa lab list` shows them");
  }
  remove_everything(name);
  const auto left = namespaces_of(name);
  if (left.empty()) return {};
  return failure(ErrorCode::kSystem,
                 fmt::format("namespace {} could not be removed", left.front()));
}

std::vector<Lab> labs() {
  std::vector<Lab> found;
  std::error_code failed;
  for (const auto& entry : fs::directory_iterator(kStateFolder, failed)) {
    if (entry.path().extension() != ".json") continue;
    if (auto lab = read_state(entry.path())) found.push_back(*lab);
  }
  std::sort(found.begin(), found.end(),
            [](const Lab& a, const Lab& b) { return a.config().name < b.config().name; });
  return found;
}

Result<Lab, Error> find_lab(const std::string& name) {
  std::error_code failed;
  if (!fs::exists(state_file(name), failed)) {
    return failure(ErrorCode::kInvalidArgument,
                   fmt::format("there is no lab '{0}'; `homa lab up {0}` makes it", name));
  }
  return read_state(state_file(name));
}

std::vector<pid_t> lab_processes(const Lab& lab) {
  std::vector<pid_t> pids;
  for (const std::string& name : namespaces_of(lab.config().name)) {
    for (const pid_t pid : processes_in(name)) pids.push_back(pid);
  }
  return pids;
}

std::vector<std::string> remove_stale_labs() {
  std::vector<std::string> removed;
  for (const Lab& lab : labs()) {
    const pid_t owner = lab.config().owner;
    if (owner == 0 || ::kill(owner, 0) == 0 || errno != ESRCH) continue;
    remove_everything(lab.config().name);
    removed.push_back(lab.config().name);
  }
  return removed;
}

ScopedLab::~ScopedLab() {
  if (const auto down = lab_down(lab_.config().name); !down) {
    fmt::print(stderr, "homa lab: {}\n", down.error().text);
  }
}

}  // namespace homa::tools
