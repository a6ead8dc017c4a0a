// The `homa` command: one subcommand per folder of tools, in its command.h; main.cc lists them.
#pragma once

#include <CLI/CLI.hpp>

#include <functional>

namespace homa::tools {

// What main() returns, the same in every subcommand.
enum ExitCode : int {
  kSuccess = 0,
  kFailure = 1,      // it ran, and the answer is bad: lost, unreachable, violated
  kUsage = 2,        // the command line is wrong
  kUnavailable = 3,  // something this machine lacks: a privilege, a program, a device
};

// A subcommand adds itself to `app` and stores in `run` (when it was chosen) what main() is to run
// after parsing; what that returns is the exit code.
using Run = std::function<int()>;
using AddCommand = void (*)(CLI::App& app, Run& run);

}  // namespace homa::tools
