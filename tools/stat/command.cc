#include "tools/stat/command.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/failure.h"
#include "observe/engine_state.h"
#include "tools/options/quantity_option.h"
#include "tools/process/process.h"
#include "tools/stat/report.h"
#include "trace/parameter_request.h"

namespace homa::tools {
namespace {

using std::chrono_literals::operator""ms;
using observe::EngineState;

struct Settings {
  std::string engine;  // a pid or a program's name; empty: all
  bool json = false;
  bool dead = false;
  bool all = false;
  bool watch = false;
  bool remove = false;
  Duration interval = std::chrono::seconds(1);
};

Time clock_now() { return Time(std::chrono::steady_clock::now().time_since_epoch()); }

// Not empty.
Result<std::vector<EngineState>, Error> find(const Settings& settings) {
  const std::string folder = trace::state_folder();
  if (folder.empty()) {
    return failure(ErrorCode::kInvalidArgument,
                   "HOMA_STATE is \"off\"; unset it, or name the folder that engines publish in");
  }
  // Whoever names a process may mean one that has died.
  const bool with_dead = settings.dead || !settings.engine.empty();
  auto states = observe::select(observe::read_states(folder, with_dead), settings.engine);
  if (!states.empty()) return states;
  const std::string which =
      settings.engine.empty() ? "no Homa engine" : "no Homa engine of " + settings.engine;
  return failure(ErrorCode::kSystem,
                 which + " publishes in " + folder + "; programs over homad show up as homad");
}

int print(const nlohmann::ordered_json& json) {
  fmt::print("{}\n", json.dump());
  return std::fflush(stdout) == 0 ? kSuccess : kFailure;
}

int print_stat(const std::vector<EngineState>& engines, const Settings& settings) {
  if (settings.json) {
    auto json = nlohmann::ordered_json::array();
    for (const EngineState& engine : engines) json.push_back(stat_json(engine));
    return print(json);
  }
  for (const EngineState& engine : engines) fmt::print("{}", stat_text(engine, settings.all));
  return kSuccess;
}

void print_change(const std::vector<EngineState>& before, const std::vector<EngineState>& now,
                  const Settings& settings, double seconds) {
  for (const EngineState& engine : now) {
    const auto earlier = std::find_if(before.begin(), before.end(), [&](const EngineState& other) {
      return other.path == engine.path;
    });
    const EngineState& from = earlier == before.end() ? EngineState{} : *earlier;
    if (settings.json) {
      print(change_json(from, engine, seconds));
    } else {
      fmt::print("{}", change_text(from, engine, seconds));
    }
  }
  std::fflush(stdout);
}

int watch(const Settings& settings) {
  const StopGuard guard;
  auto before = find(settings);
  if (!before) return report_error("homa stat", before.error());
  Time seen = clock_now();
  while (!StopGuard::stop_requested()) {
    while (!StopGuard::stop_requested() && clock_now() < seen + settings.interval) {
      std::this_thread::sleep_for(std::min<Duration>(50ms, settings.interval));
    }
    if (StopGuard::stop_requested()) break;
    auto now = find(settings);
    if (!now) return report_error("homa stat", now.error());
    const Time looked = clock_now();
    print_change(*before, *now, settings, std::chrono::duration<double>(looked - seen).count());
    seen = looked;
    before = std::move(now);
  }
  return kSuccess;
}

// What crashed engines have left, as far as this user may.
int remove_dead() {
  std::size_t removed = 0;
  for (const EngineState& engine : observe::read_states(trace::state_folder(), true)) {
    if (engine.owner != trace::Owner::kGone || ::unlink(engine.path.c_str()) != 0) continue;
    ::unlink(trace::parameter_socket(engine.path).c_str());
    ++removed;
  }
  fmt::print("{} removed\n", removed);
  return kSuccess;
}

int stat(const Settings& settings) {
  if (settings.remove) return remove_dead();
  if (settings.watch) return watch(settings);
  const auto engines = find(settings);
  if (!engines) return report_error("homa stat", engines.error());
  return print_stat(*engines, settings);
}

int rpcs(const Settings& settings) {
  const auto engines = find(settings);
  if (!engines) return report_error("homa rpcs", engines.error());
  const Time now = clock_now();
  if (settings.json) return print(rpcs_json(*engines, now));
  fmt::print("{}", rpcs_text(*engines, now));
  return kSuccess;
}

int errors(const Settings& settings) {
  const auto engines = find(settings);
  if (!engines) return report_error("homa errors", engines.error());
  if (settings.json) return print(errors_json(*engines));
  fmt::print("{}", errors_text(*engines));
  return kSuccess;
}

CLI::App* add(CLI::App& app, const char* name, const char* text,
              const std::shared_ptr<Settings>& settings) {
  CLI::App* command = app.add_subcommand(name, text);
  command->add_option(
      "engine", settings->engine,
      "the engine of this pid, or of programs of this name; without it all that run");
  command->add_flag("--json", settings->json, "print JSON");
  command->add_flag("--dead", settings->dead, "also engines whose process has died");
  return command;
}

}  // namespace

void add_stat_command(CLI::App& app, Run& run) {
  const auto settings = std::make_shared<Settings>();
  CLI::App* command =
      add(app, "stat", "Counters and latencies of the engines of this host", settings);
  command->add_flag("--all,-a", settings->all, "also counters that are 0");
  auto* const watching =
      command->add_flag("--watch,-w", settings->watch, "print what changes, until Ctrl-C");
  add_duration(*command, "--interval,-i", settings->interval, {1ms, std::chrono::hours(24)},
               "between two looks; a bare number is seconds")
      ->needs(watching);
  command->add_flag("--remove", settings->remove, "remove what engines left whose process has died")
      ->excludes(watching);
  command->footer(
      "  homa stat\n"
      "  homa stat homad --watch --interval 5\n"
      "  homa stat 4711 --json\n"
      "Engines publish in /dev/shm, or in the folder that HOMA_STATE names. They are not asked "
      "and\n"
      "do not notice. RPC times are those of RPCs that the engine started, by the longer of "
      "request\n"
      "and response. Exit codes: 0 there is an engine, 1 there is none.");
  command->callback([settings, &run] { run = [settings] { return stat(*settings); }; });
}

void add_rpcs_command(CLI::App& app, Run& run) {
  const auto settings = std::make_shared<Settings>();
  CLI::App* command = add(app, "rpcs", "RPCs in progress, those first that began first", settings);
  command->footer(
      "  homa rpcs\n"
      "  homa rpcs homad --json\n"
      "SENT and RECEIVED: bytes of this side's and of the peer's message. An engine shows the 256\n"
      "that began first, as of at most half a second ago.");
  command->callback([settings, &run] { run = [settings] { return rpcs(*settings); }; });
}

void add_errors_command(CLI::App& app, Run& run) {
  const auto settings = std::make_shared<Settings>();
  CLI::App* command = add(app, "errors", "RPCs that failed, and why, by peer", settings);
  command->footer(
      "  homa errors\n"
      "  homa errors --dead\n"
      "Each error is there once for each peer, with how often it happened; an engine keeps 64.");
  command->callback([settings, &run] { run = [settings] { return errors(*settings); }; });
}

}  // namespace homa::tools
