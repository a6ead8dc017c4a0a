// The `homa` command: one subcommand per folder of tools, in its command.h; main.cc lists them.
#pragma once

#include <CLI/CLI.hpp>

#include <functional>
#include <string_view>

#include "homa/error.h"

namespace homa::tools {

// What main() returns, the same in every subcommand (docs/operating.md#exit-codes).
enum ExitCode : int {
  kSuccess = 0,
  kFailure = 1,      // it ran, and the answer is bad: lost, unreachable, violated
  kUsage = 2,        // the command line is wrong
  kUnavailable = 3,  // something this machine lacks: a privilege, a program, a device
  // 128 + a signal's number: the signal ended it, 130 for Ctrl-C
};

// A subcommand adds itself to `app` and stores in `run` (when it was chosen) what main() is to run
// after parsing; what that returns is the exit code.
using Run = std::function<int()>;
using AddCommand = void (*)(CLI::App& app, Run& run);

// The exit code that stands for an error of this kind.
int exit_code(ErrorCode code);
// Prints "COMMAND: what is wrong" on stderr; returns the exit code.
int report_error(std::string_view command, const Error& error);

}  // namespace homa::tools
