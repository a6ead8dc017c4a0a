#include "tools/parameters/command.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/failure.h"
#include "observe/engine_state.h"
#include "observe/parameters.h"
#include "tools/process/process.h"

namespace homa::tools {
namespace {

using observe::EngineState;
using observe::Parameter;

struct Settings {
  std::string engine;              // a pid or a program's name
  std::vector<std::string> names;  // of set: NAME=VALUE
  bool all = false;
  bool json = false;
};

std::string title(const EngineState& engine) {
  return fmt::format("{}, pid {}", engine.program, engine.pid);
}

// Not empty; more than one only if that is asked for.
Result<std::vector<EngineState>, Error> find(const Settings& settings) {
  const std::string folder = trace::state_folder();
  if (folder.empty()) {
    return failure(ErrorCode::kInvalidArgument,
                   "HOMA_STATE is \"off\"; unset it, or name the folder that engines publish in");
  }
  auto states = observe::select(observe::read_states(folder, false), settings.engine);
  if (states.empty()) {
    const std::string whose = settings.engine.empty() ? "" : " of " + settings.engine;
    return failure(ErrorCode::kSystem, "no Homa engine" + whose + " publishes in " + folder +
                                           "; programs over homad show up as homad");
  }
  if (states.size() == 1 || settings.all) return states;
  std::string text = "several engines run; name one by --engine PID, or all by --all:";
  for (const EngineState& engine : states) text += "\n  " + title(engine);
  return failure(ErrorCode::kInvalidArgument, text);
}

// Those that were asked for, in the order of the engine.
Result<std::vector<Parameter>, Error> chosen(const EngineState& engine,
                                             const std::vector<std::string>& names) {
  auto all = observe::parameters_of(engine);
  if (!all || names.empty()) return all;
  for (const std::string& name : names) {
    const bool known = std::any_of(all->begin(), all->end(),
                                   [&](const Parameter& each) { return each.name == name; });
    if (!known) {
      return failure(ErrorCode::kInvalidArgument, "there is no parameter named " + name);
    }
  }
  std::erase_if(*all, [&](const Parameter& each) {
    return std::find(names.begin(), names.end(), each.name) == names.end();
  });
  return all;
}

nlohmann::ordered_json json_of(const EngineState& engine,
                               const std::vector<Parameter>& parameters) {
  nlohmann::ordered_json values = nlohmann::ordered_json::object();
  for (const Parameter& each : parameters) {
    values[each.name] = {{"value", each.value},
                         {"unit", each.unit},
                         {"any_time", each.any_time},
                         {"meaning", each.meaning}};
  }
  return {{"program", engine.program}, {"pid", engine.pid}, {"parameters", values}};
}

int get(const Settings& settings) {
  const auto engines = find(settings);
  if (!engines) return report_error("homa get", engines.error());
  auto json = nlohmann::ordered_json::array();
  for (const EngineState& engine : *engines) {
    const auto parameters = chosen(engine, settings.names);
    if (!parameters) return report_error("homa get", parameters.error());
    if (settings.json) {
      json.push_back(json_of(engine, *parameters));
      continue;
    }
    if (engines->size() > 1) fmt::print("{}\n", title(engine));
    for (const Parameter& each : *parameters) {
      fmt::print("{:<26} {:>14} {:<9} {} {}\n", each.name, each.value, each.unit,
                 each.any_time ? ' ' : '*', each.meaning);
    }
  }
  if (settings.json) fmt::print("{}\n", json.dump());
  return kSuccess;
}

int set(const Settings& settings) {
  const auto engines = find(settings);
  if (!engines) return report_error("homa set", engines.error());
  for (const EngineState& engine : *engines) {
    for (const std::string& assignment : settings.names) {
      const std::size_t equals = assignment.find('=');
      const std::string name = assignment.substr(0, equals), value = assignment.substr(equals + 1);
      const auto before = observe::set_parameter(engine, name, value);
      if (!before) {
        Error error = before.error();
        error.text = title(engine) + ": " + error.text;
        return report_error("homa set", error);
      }
      fmt::print("{}: {} was {}\n", title(engine), assignment, before->value);
    }
  }
  return kSuccess;
}

CLI::App* add(CLI::App& app, const char* name, const char* text,
              const std::shared_ptr<Settings>& settings) {
  CLI::App* command = app.add_subcommand(name, text);
  command->add_option("--engine,-e", settings->engine,
                      "the engine of this pid, or of the program of this name");
  command->add_flag("--all,-a", settings->all, "all engines, or all of that name");
  return command;
}

}  // namespace

void add_get_command(CLI::App& app, Run& run) {
  const auto settings = std::make_shared<Settings>();
  CLI::App* command = add(app, "get", "Parameters of an engine that runs", settings);
  command->add_option("name", settings->names, "these parameters only");
  command->add_flag("--json", settings->json, "print JSON");
  command->footer(
      "  homa get\n"
      "  homa get unscheduled_bytes window --engine homad\n"
      "* marks what counts from the start of an engine. docs/operating.md explains each "
      "parameter.\n"
      "It needs the user of the engine, or root.");
  command->callback([settings, &run] { run = [settings] { return get(*settings); }; });
}

void add_set_command(CLI::App& app, Run& run) {
  const auto settings = std::make_shared<Settings>();
  CLI::App* command = add(app, "set", "Change parameters of an engine that runs", settings);
  command->add_option("assignment", settings->names, "NAME=VALUE, as for --set of `homa serve`")
      ->required()
      ->check([](const std::string& text) {
        return text.find('=') != std::string::npos ? std::string()
                                                   : "\"" + text + "\" is not NAME=VALUE";
      });
  command->footer(
      "  homa set unscheduled_bytes=20k --engine homad\n"
      "  homa set resend_ticks=10 timeout_ticks=200 --all\n"
      "The change holds until the engine ends; messages that are on their way keep what was "
      "decided\n"
      "for them. What counts from the start of an engine is refused. The engine logs who changed\n"
      "what. It needs the user of the engine, or root.");
  command->callback([settings, &run] { run = [settings] { return set(*settings); }; });
}

}  // namespace homa::tools
