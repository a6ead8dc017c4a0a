#include "tools/sim/sweep.h"

#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <thread>
#include <utility>

#include "base/failure.h"
#include "tools/sim/fields.h"
#include "tools/sim/files.h"

namespace homa::tools {
namespace {

namespace fs = std::filesystem;

struct Options {
  std::string file;
  std::string directory = "sweep";
  unsigned jobs = std::max(1U, std::thread::hardware_concurrency());
  bool list = false;
};

Unexpected<Error> refused(std::string text) {
  return failure(ErrorCode::kInvalidArgument, std::move(text));
}

std::string word(const nlohmann::ordered_json& value) {
  std::string text = value.is_string() ? value.get<std::string>() : value.dump();
  // Names of files: nothing that a shell or a path would take for something else.
  for (char& c : text) {
    const bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                       c == '.' || c == '-' || c == '_';
    if (!plain) c = '-';
  }
  return text;
}

void flatten(const nlohmann::ordered_json& object, const std::string& prefix,
             nlohmann::json& flat) {
  for (const auto& [key, value] : object.items()) {
    const std::string name = prefix.empty() ? key : prefix + "." + key;
    if (value.is_object()) {
      flatten(value, name, flat);
    } else {
      flat[name] = value;
    }
  }
}

std::string command_line(const Options& options, const SweepRun& run) {
  const fs::path base = fs::path(options.directory) / run.name;
  return fmt::format("homa sim --quiet --config {}.config.json --json {}.json", base.string(),
                     base.string());
}

Result<void, Error> write_config(const Options& options, const SweepRun& run) {
  const fs::path path = fs::path(options.directory) / (run.name + ".config.json");
  std::ofstream file(path);
  file << run.settings.dump(1) << "\n";
  if (!file.flush()) {
    return failure(ErrorCode::kSystem, "cannot write " + path.string());
  }
  return {};
}

// Starts this program again for one run; the process id, or -1.
pid_t start(const Options& options, const SweepRun& run) {
  const fs::path base = fs::path(options.directory) / run.name;
  std::vector<std::string> words = {"homa",
                                    "sim",
                                    "--quiet",
                                    "--config",
                                    base.string() + ".config.json",
                                    "--json",
                                    base.string() + ".json"};
  std::vector<char*> arguments;
  for (std::string& w : words) arguments.push_back(w.data());
  arguments.push_back(nullptr);
  pid_t pid = -1;
  return posix_spawn(&pid, "/proc/self/exe", nullptr, nullptr, arguments.data(), environ) == 0 ? pid
                                                                                               : -1;
}

int run_all(const Options& options, const std::vector<SweepRun>& runs) {
  std::map<pid_t, std::string> running;
  std::size_t next = 0, done = 0, failed = 0;
  while (next < runs.size() || !running.empty()) {
    while (next < runs.size() && running.size() < options.jobs) {
      const SweepRun& run = runs[next++];
      const pid_t pid = start(options, run);
      if (pid > 0) {
        running[pid] = run.name;
      } else {
        ++failed;
        fmt::print(stderr, "homa sim sweep: cannot start {}\n", run.name);
      }
    }
    int status = 0;
    const pid_t pid = waitpid(-1, &status, 0);
    if (pid < 0) {
      if (errno == EINTR) continue;
      break;
    }
    const auto found = running.find(pid);
    if (found == running.end()) continue;
    const bool good = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    failed += good ? 0 : 1;
    fmt::print("{}/{} {}{}\n", ++done, runs.size(), found->second, good ? "" : ": FAILED");
    running.erase(found);
  }
  return failed == 0 ? kSuccess : kFailure;
}

int sweep(const Options& options) {
  const auto complain = [](const Error& error) { return report_error("homa sim sweep", error); };
  const auto object = read_json(options.file);
  if (!object) return complain(object.error());
  auto runs = expand_sweep(*object);
  if (!runs) return complain(runs.error());
  std::error_code error;
  fs::create_directories(options.directory, error);
  std::vector<SweepRun> missing;
  for (SweepRun& run : *runs) {
    if (auto written = write_config(options, run); !written) return complain(written.error());
    const fs::path result = fs::path(options.directory) / (run.name + ".json");
    if (!fs::exists(result, error)) missing.push_back(std::move(run));
  }
  if (options.list) {
    for (const SweepRun& run : missing) fmt::print("{}\n", command_line(options, run));
    return kSuccess;
  }
  return run_all(options, missing);
}

}  // namespace

Result<std::vector<SweepRun>, Error> expand_sweep(const nlohmann::ordered_json& sweep) {
  if (!sweep.is_object()) return refused("a sweep is a JSON object");
  nlohmann::json base = nlohmann::json::object();
  std::vector<SweepRun> runs = {{"", {}}};
  for (const auto& [key, value] : sweep.items()) {
    if (!value.is_object() || (key != "base" && key != "vary")) {
      return refused("a sweep has \"base\" and \"vary\", both objects; not \"" + key + "\"");
    }
    if (key == "base") flatten(value, "", base);
  }
  runs.front().settings = base;
  if (!sweep.contains("vary")) return refused("a sweep needs \"vary\"");
  for (const auto& [name, values] : sweep["vary"].items()) {
    if (!values.is_array() || values.empty()) {
      return refused("vary." + name + " must be a list of values");
    }
    std::vector<SweepRun> more;
    for (const SweepRun& run : runs) {
      for (const auto& value : values) {
        SweepRun next = run;
        next.settings[name] = value;
        next.name += (next.name.empty() ? "" : "_") + word(value);
        more.push_back(std::move(next));
      }
    }
    runs = std::move(more);
  }
  for (const SweepRun& run : runs) {
    sim::SimConfig config;
    if (auto valid = set_sim_fields(config, run.settings); !valid) {
      return Unexpected(valid.error());
    }
  }
  return runs;
}

void add_sim_sweep_command(CLI::App& sim, Run& run) {
  CLI::App* command =
      sim.add_subcommand("sweep", "Run every combination of a set of settings, on all cores");
  auto options = std::make_shared<Options>();
  command->add_option("file", options->file, "JSON: {\"base\": {...}, \"vary\": {...}}")
      ->required();
  command->add_option("--out", options->directory, "Directory for the results")
      ->capture_default_str();
  command->add_option("--jobs", options->jobs, "Runs at a time")
      ->capture_default_str()
      ->check(CLI::Range(1U, 1024U));
  command->add_flag("--list", options->list,
                    "Write the configurations and print the commands that remain to be run");
  command->callback([options, &run] { run = [options] { return sweep(*options); }; });
}

}  // namespace homa::tools
