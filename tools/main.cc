#include <array>

#include "homa_version.h"
#include "tools/bench/command.h"
#ifdef HOMA_RPC
#include "tools/call/command.h"
#endif
#include "tools/demo/command.h"
#include "tools/doctor/command.h"
#include "tools/dump/command.h"
#include "tools/exporter/command.h"
#include "tools/lab/command.h"
#include "tools/manual/command.h"
#include "tools/options/command.h"
#include "tools/options/parse.h"
#include "tools/parameters/command.h"
#include "tools/ping/command.h"
#include "tools/run/command.h"
#include "tools/serve/command.h"
#include "tools/sim/command.h"
#include "tools/stat/command.h"
#include "tools/top/command.h"

namespace homa::tools {
namespace {

// One line per subcommand, in the order --help shows them.
constexpr std::array kCommands = {
    add_serve_command,  add_ping_command,   add_run_command,
#ifdef HOMA_RPC
    add_call_command,
#endif
    add_stat_command,   add_top_command,    add_rpcs_command, add_errors_command,
    add_doctor_command, add_get_command,    add_set_command,  add_exporter_command,
    add_bench_command,  add_demo_command,   add_dump_command, add_lab_command,
    add_sim_command,    add_manual_command,
};

int main(int argc, char** argv) {
  CLI::App app{"Homa in user space: serve, measure, look inside, simulate", "homa"};
  app.set_version_flag("--version", "homa " HOMA_VERSION " (" HOMA_COMMIT ")");
  app.require_subcommand(1);
  Run run;
  for (const AddCommand add : kCommands) add(app, run);
  // Last: subcommands take over the footer that their parent has when they are added.
  app.footer(
      "Exit codes: 0 it worked, 1 it did not, 2 the command line is wrong, 3 this machine lacks\n"
      "something (a privilege, a program), 130 Ctrl-C. `homa SUBCOMMAND --help` has the options.");
  if (const auto ended = parse_command_line(app, argc, argv)) return *ended;
  return run ? run() : kUsage;
}

}  // namespace
}  // namespace homa::tools

int main(int argc, char** argv) { return homa::tools::main(argc, argv); }
