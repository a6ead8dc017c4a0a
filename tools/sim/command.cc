#include "tools/sim/command.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <ctime>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/config_fields.h"
#include "sim/simulation.h"
#include "tools/sim/check.h"
#include "tools/sim/fields.h"
#include "tools/sim/files.h"
#include "tools/sim/report.h"
#include "tools/sim/sweep.h"

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

constexpr const char* kName = "homa sim";
constexpr int kInterrupted = 128 + SIGINT;  // exit code, as shells have it
volatile std::sig_atomic_t interrupts = 0;
extern "C" void on_interrupt(int) {
  interrupts = 1;
  std::signal(SIGINT, SIG_DFL);  // the second one ends the process at once
}

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// Of this process, which has one thread: unlike the wall's, not a matter of who else is running.
double cpu_seconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

Result<void, Error> apply_file(sim::SimConfig& config, const std::string& path) {
  const auto object = read_json(path);
  if (!object) return Unexpected(object.error());
  return set_sim_fields(config, *object);
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
  const double share =
      std::min(1.0, static_cast<double>(progress.ended) / static_cast<double>(progress.messages));
  // Then the last measured messages still need to end.
  const double left = share > 0.001 ? seconds / share - seconds : 0;
  fmt::print(stderr,
             "\r{:5.1f} % of {} messages, {:.4f} s simulated, {} under way, {:.1f} M events/s, "
             "{:.0f} s left   ",
             share * 100, progress.messages, progress.simulated_seconds, progress.under_way,
             static_cast<double>(progress.events) / seconds * 1e-6, left);
  std::fflush(stderr);
}

// What is about to happen: also tells who gave no option what the defaults are.
void announce(const sim::SimConfig& config) {
  const sim::TrafficConfig& traffic = config.traffic;
  const bool closed = traffic.pattern == sim::TrafficPattern::kClosedLoop;
  std::string what = fmt::format("{} messages of {}", traffic.messages, traffic.workload);
  if (traffic.pattern == sim::TrafficPattern::kReplay) {
    what = fmt::format("{} recorded messages", traffic.replay.size());
  } else if (!closed) {
    what += fmt::format(" at {:g} % load", traffic.load * 100);
  }
  fmt::print(stderr, "homa sim: {}, {} hosts, {} (homa sim --help: what can be set)\n",
             sim::to_string(config.protocol), config.topology.hosts, what);
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

sim::Report run_watched(sim::Simulation& simulation, bool quiet, WallClock& wall) {
  const Clock::time_point start = Clock::now();
  const double cpu_start = cpu_seconds();
  const bool progress = !quiet && isatty(STDERR_FILENO) != 0;
  double shown = 0;
  std::signal(SIGINT, on_interrupt);
  sim::Report report = simulation.run([&](const sim::Progress& at) {
    const double seconds = seconds_since(start);
    if (progress && seconds - shown >= 0.5) {
      shown = seconds;
      show_progress(at, seconds);
    }
    return interrupts == 0;
  });
  if (shown > 0) fmt::print(stderr, "\r{:110}\r", "");
  wall.seconds = seconds_since(start);
  wall.cpu_seconds = cpu_seconds() - cpu_start;
  wall.events_per_second = static_cast<double>(report.events) / wall.cpu_seconds;
  return report;
}

int run_sim(const Options& options) {
  if (options.list_settings) {
    list_settings();
    return kSuccess;
  }
  const auto config = make_config(options);
  if (!config) return report_error(kName, config.error());
  auto simulation = sim::Simulation::create(*config);
  if (!simulation) return report_error(kName, simulation.error());
  const bool quiet = options.quiet || options.json_file == "-";
  if (!quiet) announce(*config);
  WallClock wall;
  const sim::Report report = run_watched(**simulation, quiet, wall);
  if (!quiet) fmt::print("{}", sim_report_text(*config, report, wall));
  if (report.stopped) {
    fmt::print(stderr, "homa sim: interrupted; no report was written\n");
    return kInterrupted;
  }
  if (!options.json_file.empty()) {
    if (options.deterministic) wall = {};
    const auto written = write_json(options.json_file, sim_report_json(*config, report, wall));
    if (!written) return report_error(kName, written.error());
  }
  return report.violations.empty() ? kSuccess : kFailure;
}

}  // namespace

void add_sim_command(CLI::App& app, Run& run) {
  CLI::App* command = app.add_subcommand(
      "sim", "Simulate a datacenter: the same protocol core on many hosts, in virtual time");
  auto options = std::make_shared<Options>();
  command->add_option("--config", options->config_file, "JSON file with settings, read first");
  sim::SimConfig defaults;
  const std::vector<SimField> fields = sim_fields(defaults);
  for (const Short& entry : kShorts) {
    const auto field = std::find_if(fields.begin(), fields.end(),
                                    [&](const SimField& f) { return f.name == entry.setting; });
    command->add_option_function<std::string>(
        entry.option,
        [options, entry](const std::string& value) {
          options->settings.push_back(std::string(entry.setting) + "=" + value);
        },
        fmt::format("{} [{}]", field->meaning, field->get()));
  }
  command
      ->add_option_function<std::vector<std::string>>(
          "--set",
          [options](const std::vector<std::string>& values) {
            options->settings.insert(options->settings.end(), values.begin(), values.end());
          },
          "Any setting, name=value (--settings lists them)")
      ->expected(1)
      ->take_all();
  command->add_option("--replay", options->replay_file,
                      "File of messages: seconds,source,destination,bytes");
  command->add_option("--json", options->json_file,
                      "Write the report to this file; -: to standard output, and no table");
  command->add_flag("--deterministic", options->deterministic,
                    "Write wall-clock figures as 0: the same seed gives the same file");
  command->add_flag("--quiet", options->quiet, "No progress and no table");
  command->add_flag("--settings", options->list_settings, "List all settings and their defaults");
  command->footer(
      "Without options: Homa, 144 hosts in 9 racks, W4 at 80 %, 100,000 messages: about a minute.\n"
      "  homa sim --workload w3 --load 0.5 --messages 20000 --json w3.json\n"
      "  homa sim --config FILE.json --set core.overcommit=4 --protocol homa\n"
      "Ctrl-C ends a run early and shows what was measured so far. See docs/simulation.md.");
  add_sim_sweep_command(*command, run);
  add_sim_check_command(*command, run);
  command->callback([command, options, &run] {
    if (command->get_subcommands().empty()) run = [options] { return run_sim(*options); };
  });
}

}  // namespace homa::tools
