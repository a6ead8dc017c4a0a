#include "sim.h"

#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "core/config_fields.h"
#include "sim/simulation.h"
#include "sim_check.h"
#include "sim_fields.h"
#include "sim_report.h"
#include "sim_sweep.h"

namespace homa::tools {
namespace {

using Clock = std::chrono::steady_clock;

struct Options {
  std::string config_file;
  std::vector<std::string> settings;  // name=value, in the order given
  std::string replay_file;
  std::string json_file;
  bool deterministic = false;
  bool quiet = false;
  bool list_settings = false;
};

struct Short {
  const char* option;
  const char* setting;
};
// The settings that most runs give, as options of their own.
constexpr Short kShorts[] = {
    {"--protocol", "protocol"},
    {"--topology", "topology.kind"},
    {"--hosts", "topology.hosts"},
    {"--racks", "topology.racks"},
    {"--spines", "topology.spines"},
    {"--rate", "topology.host_rate"},
    {"--spine-rate", "topology.spine_rate"},
    {"--buffer", "switch.buffer"},
    {"--buffer-bytes", "switch.buffer_bytes"},
    {"--paths", "switch.paths"},
    {"--workload", "traffic.workload"},
    {"--load", "traffic.load"},
    {"--messages", "traffic.messages"},
    {"--seed", "seed"},
};

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// Of this process, which has one thread: unlike the wall's, not a matter of who else is running.
double cpu_seconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

Result<std::string, Error> read_text(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  if (!file) return Unexpected(Error{ErrorCode::kSystem, "cannot read " + path});
  return text.str();
}

Result<void, Error> apply_file(sim::SimConfig& config, const std::string& path) {
  const auto text = read_text(path);
  if (!text) return Unexpected(text.error());
  const auto object = nlohmann::json::parse(*text, nullptr, false, true);
  if (object.is_discarded()) {
    return Unexpected(Error{ErrorCode::kInvalidArgument, path + " is not JSON"});
  }
  return set_sim_fields(config, object);
}

Result<sim::SimConfig, Error> make_config(const Options& options) {
  sim::SimConfig config;
  if (!options.config_file.empty()) {
    if (auto done = apply_file(config, options.config_file); !done) {
      return Unexpected(done.error());
    }
  }
  bool racks_given = false;
  for (const std::string& setting : options.settings) {
    const std::size_t equals = setting.find('=');
    if (equals == std::string::npos) {
      return Unexpected(
          Error{ErrorCode::kInvalidArgument, "--set wants name=value, not \"" + setting + "\""});
    }
    const std::string name = setting.substr(0, equals);
    racks_given |= name == "topology.racks";
    if (auto done = set_sim_field(config, name, setting.substr(equals + 1)); !done) {
      return Unexpected(done.error());
    }
  }
  if (config.topology.kind == sim::TopologyKind::kSingleSwitch && !racks_given) {
    config.topology.racks = 1;
  }
  if (!options.replay_file.empty()) {
    const auto text = read_text(options.replay_file);
    if (!text) return Unexpected(text.error());
    auto replay = sim::parse_replay(*text, config.topology.hosts);
    if (!replay) return Unexpected(replay.error());
    config.traffic.pattern = sim::TrafficPattern::kReplay;
    config.traffic.replay = *std::move(replay);
  }
  return config;
}

// One line that is overwritten on a terminal; silent elsewhere.
void show_progress(const sim::Progress& progress, double seconds) {
  const double share = static_cast<double>(progress.ended) / static_cast<double>(progress.messages);
  const double left = share > 0.001 ? seconds / share - seconds : 0;
  fmt::print(stderr,
             "\r{:5.1f} % of {} messages, {:.4f} s simulated, {} under way, {:.1f} M events/s, "
             "{:.0f} s left   ",
             share * 100, progress.messages, progress.simulated_seconds, progress.under_way,
             static_cast<double>(progress.events) / seconds * 1e-6, left);
  std::fflush(stderr);
}

void list_settings() {
  sim::SimConfig config;
  for (const SimField& field : sim_fields(config)) {
    fmt::print("{:<32} {:<14} {}\n", field.name, field.get(), field.meaning);
  }
  for (const core::ConfigField& field : core::config_fields()) {
    fmt::print("core.{:<27} {:<14} {}\n", field.name, field.get(config.homa.core), field.meaning);
  }
}

int report_error(const Error& error) {
  fmt::print(stderr, "homa sim: {}\n", error.text);
  return error.code == ErrorCode::kInvalidArgument ? kUsage : kFailure;
}

int run_sim(const Options& options) {
  if (options.list_settings) {
    list_settings();
    return kSuccess;
  }
  const auto config = make_config(options);
  if (!config) return report_error(config.error());
  auto simulation = sim::Simulation::create(*config);
  if (!simulation) return report_error(simulation.error());

  const Clock::time_point start = Clock::now();
  const double cpu_start = cpu_seconds();
  const bool progress = !options.quiet && isatty(STDERR_FILENO) != 0;
  double shown = 0;
  const sim::Report report = (*simulation)->run([&](const sim::Progress& at) {
    const double seconds = seconds_since(start);
    if (!progress || seconds - shown < 0.5) return;
    shown = seconds;
    show_progress(at, seconds);
  });
  if (shown > 0) fmt::print(stderr, "\r{:100}\r", "");
  WallClock wall;
  wall.seconds = seconds_since(start);
  wall.cpu_seconds = cpu_seconds() - cpu_start;
  wall.events_per_second = static_cast<double>(report.events) / wall.cpu_seconds;
  if (!options.quiet) fmt::print("{}", sim_report_text(*config, report, wall));
  if (!options.json_file.empty()) {
    if (options.deterministic) wall = {};
    std::ofstream file(options.json_file);
    file << sim_report_json(*config, report, wall).dump(1) << "\n";
    if (!file.flush()) {
      return report_error({ErrorCode::kSystem, "cannot write " + options.json_file});
    }
  }
  return report.violations.empty() ? kSuccess : kFailure;
}

}  // namespace

void add_sim_command(CLI::App& app, Run& run) {
  CLI::App* command = app.add_subcommand(
      "sim", "Simulate a datacenter: the same protocol core on many hosts, in virtual time");
  auto options = std::make_shared<Options>();
  command->add_option("--config", options->config_file, "JSON file with settings, read first");
  for (const Short& entry : kShorts) {
    command->add_option_function<std::string>(
        entry.option,
        [options, entry](const std::string& value) {
          options->settings.push_back(std::string(entry.setting) + "=" + value);
        },
        entry.setting);
  }
  command
      ->add_option_function<std::vector<std::string>>(
          "--set",
          [options](const std::vector<std::string>& values) {
            options->settings.insert(options->settings.end(), values.begin(), values.end());
          },
          "Any setting, name=value")
      ->expected(1)
      ->take_all();
  command->add_option("--replay", options->replay_file,
                      "File of messages: seconds,source,destination,bytes");
  command->add_option("--json", options->json_file, "Write the report to this file");
  command->add_flag("--deterministic", options->deterministic,
                    "Write wall-clock figures as 0: the same seed gives the same file");
  command->add_flag("--quiet", options->quiet, "No progress and no table");
  command->add_flag("--settings", options->list_settings, "List all settings and their defaults");
  add_sim_sweep_command(*command, run);
  add_sim_check_command(*command, run);
  command->callback([command, options, &run] {
    if (command->get_subcommands().empty()) run = [options] { return run_sim(*options); };
  });
}

}  // namespace homa::tools
