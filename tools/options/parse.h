// Parsing a command line, and what is said about one that is wrong.
#pragma once

#include <optional>
#include <string>

#include "tools/options/command.h"

namespace homa::tools {

// Parses. A value: the exit code to end with at once, because --help or --version answered or the
// command line was wrong; then stderr says what is wrong with which subcommand and what to try.
std::optional<int> parse_command_line(CLI::App& app, int argc, const char* const* argv);

// "homa pong" -> "homa: there is no subcommand 'pong'; did you mean ping? There are: ...".
std::string usage_error(const CLI::App& app, const CLI::ParseError& error);

}  // namespace homa::tools
