#include "tools/lab/command.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/failure.h"
#include "base/quantity.h"
#include "tools/lab/lab.h"
#include "tools/process/process.h"
#include "tools/text/units.h"

namespace homa::tools {
namespace {

using Json = nlohmann::json;

struct Options {
  LabConfig config;
  std::string rate = "200mbit";
  std::string buffer = "200";
  std::string host;
  std::vector<std::string> command;
  bool json = false;
  bool all = false;
};

int report(const Error& error) {
  const int code = report_error("homa lab", error);
  // A program that is missing here is an error of the system, but not of the lab.
  return error.code == ErrorCode::kSystem && !lab_available() ? kUnavailable : code;
}

Json describe(const Lab& lab) {
  const LabConfig& config = lab.config();
  Json hosts = Json::array();
  for (int host = 1; host <= config.hosts; ++host) {
    hosts.push_back({{"host", host},
                     {"namespace", lab.host_namespace(host)},
                     {"ipv4", Lab::host_address(host)},
                     {"ipv6", Lab::host_address_v6(host)},
                     {"device", Lab::kHostDevice}});
  }
  return {{"name", config.name},
          {"hosts", hosts},
          {"switch", config.direct ? Json() : Json(lab.switch_namespace())},
          {"rate_bits_per_second", config.rate},
          {"buffer", config.buffer},
          {"buffer_unit", config.buffer_in_bytes ? "bytes" : "packets"},
          {"priorities", config.priorities},
          {"mtu", config.mtu},
          {"offloads", config.offloads},
          {"owner", config.owner},
          {"network_cpu", config.network_cpu},
          {"processes", lab_processes(lab).size()}};
}

void print_lab(const Lab& lab) {
  const LabConfig& config = lab.config();
  if (config.direct) {
    fmt::print("{}: 2 hosts, joined by a veth pair\n", config.name);
  } else {
    fmt::print("{}: {} hosts at {}, switch ports with {} {} per priority, {} priorities, mtu {}\n",
               config.name, config.hosts, format_rate(config.rate), config.buffer,
               config.buffer_in_bytes ? "bytes" : "packets", config.priorities, config.mtu);
  }
  for (int host = 1; host <= config.hosts; ++host) {
    fmt::print("  host {:<3} {:<12} {:<10} namespace {}\n", host, Lab::host_address(host),
               Lab::host_address_v6(host), lab.host_namespace(host));
  }
}

Result<LabConfig, Error> config_of(const Options& options) {
  LabConfig config = options.config;
  const auto rate = base::parse_rate(options.rate);
  const auto buffer = base::parse_bytes(options.buffer);
  if (!rate || !buffer) {
    const std::string& wrong = !rate ? options.rate : options.buffer;
    return failure(ErrorCode::kInvalidArgument, "not a quantity: '" + wrong + "'");
  }
  config.rate = *rate;
  config.buffer = *buffer;
  config.buffer_in_bytes = options.buffer.find_first_not_of("0123456789") != std::string::npos;
  if (config.direct) config.hosts = 2;
  return config;
}

int up(const Options& options) {
  const auto config = config_of(options);
  if (!config) return report(config.error());
  const StopGuard guard;
  const auto lab = lab_up(*config);
  if (!lab) return report(lab.error());
  if (options.json) {
    fmt::print("{}\n", describe(*lab).dump(2));
  } else {
    print_lab(*lab);
    fmt::print(
        "try: homa lab exec --name {0} 1 -- ip address\n"
        "end: homa lab down {0}\n",
        config->name);
  }
  return kSuccess;
}

// CLI11 hands on the -- that ends our own options.
std::vector<std::string> program_of(const Options& options) {
  const bool marked = options.command.front() == "--";
  return {options.command.begin() + (marked ? 1 : 0), options.command.end()};
}

// The command line that runs `command` in a host (or the switch) of the lab.
Result<std::vector<std::string>, Error> inside(const Lab& lab, const std::string& host,
                                               const std::vector<std::string>& command) {
  std::string in;
  if (command.empty()) {
    return failure(ErrorCode::kInvalidArgument, "say which program to run");
  }
  if (host == "switch" && !lab.config().direct) {
    in = lab.switch_namespace();
  } else {
    for (int each = 1; each <= lab.config().hosts; ++each) {
      if (host == std::to_string(each)) in = lab.host_namespace(each);
    }
  }
  if (in.empty()) {
    return failure(ErrorCode::kInvalidArgument,
                   fmt::format("lab '{}' has no host '{}': choose 1 to {}{}", lab.config().name,
                               host, lab.config().hosts, lab.config().direct ? "" : " or switch"));
  }
  std::vector<std::string> words = {"ip", "netns", "exec", in};
  words.insert(words.end(), command.begin(), command.end());
  return words;
}

Result<int, Error> run_inside(const Lab& lab, const std::string& host,
                              const std::vector<std::string>& command) {
  const auto words = inside(lab, host, command);
  if (!words) return Unexpected(words.error());
  if (host != "switch") stay_off(lab.config().network_cpu);
  return run_in_foreground(*words);
}

int exec(const Options& options) {
  const auto able = lab_available();
  if (!able) return report(able.error());
  const auto lab = find_lab(options.config.name);
  if (!lab) return report(lab.error());
  ::setenv("HOMA_LAB", options.config.name.c_str(), 1);
  const auto status = run_inside(*lab, options.host, program_of(options));
  return status ? *status : report(status.error());
}

int run_command(const Options& options) {
  auto config = config_of(options);
  if (!config) return report(config.error());
  config->owner = ::getpid();
  const StopGuard guard;
  (void)remove_stale_labs();
  auto lab = lab_up(*config);
  if (!lab) return report(lab.error());
  const ScopedLab scoped(*lab);
  ::setenv("HOMA_LAB", config->name.c_str(), 1);
  const std::vector<std::string> command = program_of(options);
  const auto status = options.host.empty() ? run_in_foreground(command)
                                           : run_inside(*scoped, options.host, command);
  return status ? *status : report(status.error());
}

int down(const Options& options) {
  const auto able = lab_available();
  if (!able) return report(able.error());
  const StopGuard guard;
  std::vector<std::string> names = {options.config.name};
  if (options.all) {
    names.clear();
    for (const Lab& lab : labs()) names.push_back(lab.config().name);
  }
  for (const std::string& name : names) {
    if (const auto done = lab_down(name); !done) return report(done.error());
    fmt::print("{}: gone\n", name);
  }
  return kSuccess;
}

int list(const Options& options) {
  const std::vector<Lab> found = labs();
  if (options.json) {
    Json all = Json::array();
    for (const Lab& lab : found) all.push_back(describe(lab));
    fmt::print("{}\n", all.dump(2));
    return kSuccess;
  }
  if (found.empty()) fmt::print("no labs\n");
  for (const Lab& lab : found) print_lab(lab);
  return kSuccess;
}

void add_shape(CLI::App& app, Options& options) {
  app.add_option("--hosts", options.config.hosts, "hosts around the switch, 1..250")
      ->capture_default_str();
  app.add_option("--rate", options.rate, "rate of every link (0: as fast as it goes)")
      ->capture_default_str();
  app.add_option("--buffer", options.buffer,
                 "buffer per switch port and priority: packets, or bytes with a unit (64kb)")
      ->capture_default_str();
  app.add_option("--priorities", options.config.priorities, "priority levels at the switch, 1..8")
      ->capture_default_str();
  app.add_option("--mtu", options.config.mtu, "MTU of every link")->capture_default_str();
  app.add_flag("--offloads", options.config.offloads,
               "leave segmentation and receive offloads of the hosts on");
  app.add_flag("--direct", options.config.direct,
               "two hosts joined by a veth pair: no switch, no rate");
}

CLI::App* add_action(CLI::App& lab, const std::string& name, const std::string& help, Run& run,
                     const std::shared_ptr<Options>& options, int (*action)(const Options&)) {
  CLI::App* app = lab.add_subcommand(name, help);
  app->callback([&run, options, action] { run = [options, action] { return action(*options); }; });
  return app;
}

void add_name(CLI::App& app, Options& options, bool positional) {
  app.add_option(positional ? "name,--name" : "--name", options.config.name, "which lab")
      ->capture_default_str()
      ->envname("HOMA_LAB");
}

}  // namespace

void add_lab_command(CLI::App& app, Run& run) {
  const auto options = std::make_shared<Options>();
  CLI::App* lab = app.add_subcommand(
      "lab", "A cluster in a box: hosts as network namespaces around a switch with priorities");
  lab->require_subcommand(1);

  CLI::App* up_app = add_action(*lab, "up", "Build a lab", run, options, up);
  add_name(*up_app, *options, true);
  add_shape(*up_app, *options);
  up_app->add_flag("--json", options->json, "describe it as JSON");

  CLI::App* exec_app =
      add_action(*lab, "exec", "Run a program on a host of a lab", run, options, exec);
  add_name(*exec_app, *options, false);
  exec_app->add_option("host", options->host, "1, 2, ... or switch")->required();
  exec_app->add_option("command", options->command, "program and arguments, best behind --")
      ->required();
  exec_app->positionals_at_end();

  CLI::App* run_app = add_action(
      *lab, "run", "Build a lab, run a program (HOMA_LAB names the lab), take the lab down", run,
      options, run_command);
  add_name(*run_app, *options, false);
  add_shape(*run_app, *options);
  run_app->add_option("--on", options->host, "run it on this host, not outside the lab");
  run_app->add_option("command", options->command, "program and arguments, best behind --")
      ->required();
  run_app->positionals_at_end();

  CLI::App* down_app =
      add_action(*lab, "down", "End the programs inside a lab and remove it", run, options, down);
  add_name(*down_app, *options, true);
  down_app->add_flag("--all", options->all, "every lab");

  CLI::App* list_app = add_action(*lab, "list", "The labs that exist", run, options, list);
  list_app->add_flag("--json", options->json, "as JSON");
  // Last: subcommands take over the footer that their parent has when they are added.
  lab->footer(
      "  homa lab up && homa lab exec 1 -- ping 10.77.0.2; homa lab down\n"
      "Labs need root. See docs/operating.md.");
}

}  // namespace homa::tools
