// What a command line understands, as plain data: from the same CLI11 objects that parse it and
// print its --help, so that manuals and completions made of it say what the command does.
#pragma once

#include <string>
#include <vector>

#include "tools/options/command.h"

namespace homa::tools {

struct OptionText {
  std::vector<std::string> names;  // "-c", "--count"; of a positional: what --help calls it
  std::string value;               // what it takes: "UINT", "NAME=VALUE"; empty: nothing, a flag
  std::string limits;              // which values are allowed, in words; may be empty
  std::string preset;              // the default; may be empty
  std::string environment;         // the environment variable that sets it; may be empty
  std::string group;               // the heading that --help puts it under
  std::string text;
  bool required = false;
  bool many = false;  // may be given several times
};

struct CommandText {
  std::string name;   // "ping"
  std::string words;  // "homa ping": what to type
  std::string text;   // one line
  std::string notes;  // what --help says at its end; lines that start with a blank are literal
  std::vector<OptionText> options;
  std::vector<OptionText> positionals;
  std::vector<CommandText> commands;  // those that --help shows
  bool needs_command = false;
};

// `app` and all below it. `before`: the words in front of its name, with a blank behind; or "".
CommandText describe(const CLI::App& app, const std::string& before = "");

}  // namespace homa::tools
