// Other programs: whether they are there, running one to its end, and signals that ask us to stop.
#pragma once

#include <csignal>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "homa/error.h"
#include "homa/result.h"

namespace homa::tools {

// Where `program` is found on PATH (or in /usr/sbin and /sbin, which PATH may lack); empty:
// nowhere.
std::string find_program(std::string_view program);

// Runs a program with `input` on its standard input and returns what it wrote to standard output.
// An exit status other than 0 is an error whose text holds the command and its standard error.
// The program does not receive our terminal's signals: it always runs to its end.
Result<std::string, Error> run_program(const std::vector<std::string>& command,
                                       std::string_view input = {});

// Runs a program with our terminal and waits; returns its exit status (128 + signal when killed).
// While it runs, SIGINT and SIGTERM are passed on instead of ending us.
Result<int, Error> run_in_foreground(const std::vector<std::string>& command);

// Calls `work` with the calling process's network namespace replaced, in a thread of its own.
// kSystem when there is no such namespace or no permission.
Result<void, Error> in_namespace(const std::string& name, const std::function<void()>& work);

// Moves the calling thread (and threads and processes it starts later) into a network namespace.
Result<void, Error> enter_namespace(const std::string& name);

// The processors that the calling thread may use, lowest first.
std::vector<int> allowed_cpus();
// Keeps the calling thread, or another one, and what it starts later, on `cpus`. One that cannot be
// had is left out.
void stay_on(const std::vector<int>& cpus, pid_t thread = 0);
// Keeps it off a processor, unless that is the only one; -1: does nothing.
void stay_off(int cpu);

// While one exists, SIGINT, SIGTERM and SIGHUP set a flag instead of ending the process, so that
// what was built gets taken down. At most one at a time.
class StopGuard {
 public:
  StopGuard();
  ~StopGuard();
  StopGuard(const StopGuard&) = delete;
  StopGuard& operator=(const StopGuard&) = delete;

  static bool stop_requested();
  // 128 + the signal that came, as shells report it; 0: none came.
  static int exit_status();

 private:
  struct sigaction before_[3];
};

}  // namespace homa::tools
