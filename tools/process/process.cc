#include "tools/process/process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <thread>

#include "base/failure.h"

namespace homa::tools {
namespace {

constexpr std::array kStopSignals = {SIGINT, SIGTERM, SIGHUP};
std::atomic<int> g_stop_signal{0};
std::atomic<pid_t> g_foreground{0};

std::vector<char*> arguments(const std::vector<std::string>& command) {
  std::vector<char*> argv;
  for (const std::string& word : command) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  return argv;
}

std::string joined(const std::vector<std::string>& command) {
  return fmt::format("{}", fmt::join(command, " "));
}

struct Pipe {
  int read = -1;
  int write = -1;
  bool open() {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) return false;
    read = ends[0];
    write = ends[1];
    return true;
  }
  static void close(int& end) {
    if (end >= 0) ::close(end);
    end = -1;
  }
  ~Pipe() {
    close(read);
    close(write);
  }
};

[[noreturn]] void become(const std::string& path, const std::vector<std::string>& command) {
  const std::vector<char*> argv = arguments(command);
  ::execv(path.c_str(), argv.data());
  ::_exit(127);
}

// Feeds `input` and collects both outputs until the program has closed them.
void exchange(Pipe& in, Pipe& out, Pipe& err, std::string_view input, std::string& output,
              std::string& errors) {
  std::size_t written = 0;
  // A program that answers while it reads must not wait for us while we wait for it.
  ::fcntl(in.write, F_SETFL, O_NONBLOCK);
  if (input.empty()) Pipe::close(in.write);
  while (out.read >= 0 || err.read >= 0) {
    std::array<pollfd, 3> fds = {pollfd{in.write, POLLOUT, 0}, pollfd{out.read, POLLIN, 0},
                                 pollfd{err.read, POLLIN, 0}};
    if (::poll(fds.data(), fds.size(), -1) < 0 && errno != EINTR) return;
    if (fds[0].revents != 0) {
      const ssize_t count = ::write(in.write, input.data() + written, input.size() - written);
      if (count > 0) written += static_cast<std::size_t>(count);
      const bool failed = count < 0 && errno != EAGAIN && errno != EINTR;
      if (failed || written == input.size()) Pipe::close(in.write);
    }
    for (auto [end, text, ready] : {std::tuple{&out.read, &output, fds[1].revents},
                                    std::tuple{&err.read, &errors, fds[2].revents}}) {
      if (ready == 0) continue;
      std::array<char, 4096> buffer;
      const ssize_t count = ::read(*end, buffer.data(), buffer.size());
      if (count > 0) text->append(buffer.data(), static_cast<std::size_t>(count));
      if (count == 0 || (count < 0 && errno != EINTR)) Pipe::close(*end);
    }
  }
}

int wait_for(pid_t child) {
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

void on_stop(int signal) { g_stop_signal.store(signal); }

void pass_on(int signal) {
  g_stop_signal.store(signal);
  const pid_t child = g_foreground.load();
  // The terminal has sent SIGINT to the child already; the others came to us alone.
  if (child > 0 && signal != SIGINT) ::kill(child, signal);
}

}  // namespace

std::string find_program(std::string_view program) {
  const char* path = std::getenv("PATH");
  const std::string folders = fmt::format("{}:/usr/sbin:/sbin", path == nullptr ? "" : path);
  for (std::size_t from = 0; from <= folders.size();) {
    const std::size_t to = std::min(folders.find(':', from), folders.size());
    const std::string file = fmt::format("{}/{}", folders.substr(from, to - from), program);
    if (to > from && ::access(file.c_str(), X_OK) == 0) return file;
    from = to + 1;
  }
  return program.find('/') != std::string_view::npos ? std::string(program) : std::string();
}

Result<std::string, Error> run_program(const std::vector<std::string>& command,
                                       std::string_view input) {
  const std::string path = find_program(command.front());
  if (path.empty()) {
    return failure(ErrorCode::kSystem, fmt::format("{}: not found", command.front()));
  }
  Pipe in, out, err;
  if (!in.open() || !out.open() || !err.open()) return system_failure("pipe", errno);
  const pid_t child = ::fork();
  if (child < 0) return system_failure("fork", errno);
  if (child == 0) {
    ::setpgid(0, 0);
    ::dup2(in.read, STDIN_FILENO);
    ::dup2(out.write, STDOUT_FILENO);
    ::dup2(err.write, STDERR_FILENO);
    become(path, command);
  }
  Pipe::close(in.read);
  Pipe::close(out.write);
  Pipe::close(err.write);
  std::string output, errors;
  const auto before = std::signal(SIGPIPE, SIG_IGN);
  exchange(in, out, err, input, output, errors);
  std::signal(SIGPIPE, before);
  const int status = wait_for(child);
  if (status == 0) return output;
  while (!errors.empty() && errors.back() == '\n') errors.pop_back();
  return failure(ErrorCode::kSystem,
                 fmt::format("`{}` failed with status {}: {}", joined(command), status, errors));
}

Result<int, Error> run_in_foreground(const std::vector<std::string>& command) {
  const std::string path = find_program(command.front());
  if (path.empty()) {
    return failure(ErrorCode::kSystem, fmt::format("{}: not found", command.front()));
  }
  struct sigaction action {};
  action.sa_handler = pass_on;
  std::array<struct sigaction, kStopSignals.size()> before{};
  for (std::size_t i = 0; i < before.size(); ++i) sigaction(kStopSignals[i], &action, &before[i]);
  const pid_t child = ::fork();
  const int error = errno;
  if (child == 0) {
    for (const int signal : kStopSignals) std::signal(signal, SIG_DFL);
    become(path, command);
  }
  g_foreground.store(child);
  const int status = child < 0 ? -1 : wait_for(child);
  g_foreground.store(0);
  for (std::size_t i = 0; i < before.size(); ++i) sigaction(kStopSignals[i], &before[i], nullptr);
  if (child < 0) return system_failure("fork", error);
  return status;
}

Result<void, Error> enter_namespace(const std::string& name) {
  const std::string path = "/run/netns/" + name;
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return system_failure("network namespace " + path, errno);
  const int error = ::setns(fd, CLONE_NEWNET) == 0 ? 0 : errno;
  ::close(fd);
  if (error != 0) return system_failure("entering " + path, error);
  return {};
}

Result<void, Error> in_namespace(const std::string& name, const std::function<void()>& work) {
  Result<void, Error> outcome;
  std::thread([&] {
    outcome = enter_namespace(name);
    if (outcome) work();
  }).join();
  return outcome;
}

std::vector<int> allowed_cpus() {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  std::vector<int> cpus;
  if (::sched_getaffinity(0, sizeof allowed, &allowed) != 0) return cpus;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(static_cast<std::size_t>(cpu), &allowed)) cpus.push_back(cpu);
  }
  return cpus;
}

void stay_on(const std::vector<int>& cpus, pid_t thread) {
  cpu_set_t chosen;
  CPU_ZERO(&chosen);
  for (const int cpu : cpus) CPU_SET(static_cast<std::size_t>(cpu), &chosen);
  if (!cpus.empty()) (void)::sched_setaffinity(thread, sizeof chosen, &chosen);
}

void stay_off(int cpu) {
  std::vector<int> cpus = allowed_cpus();
  std::erase(cpus, cpu);
  stay_on(cpus);
}

StopGuard::StopGuard() {
  static_assert(kStopSignals.size() == sizeof(before_) / sizeof(before_[0]));
  struct sigaction action {};
  action.sa_handler = on_stop;
  for (std::size_t i = 0; i < kStopSignals.size(); ++i) {
    sigaction(kStopSignals[i], &action, &before_[i]);
  }
}

StopGuard::~StopGuard() {
  for (std::size_t i = 0; i < kStopSignals.size(); ++i) {
    sigaction(kStopSignals[i], &before_[i], nullptr);
  }
}

bool StopGuard::stop_requested() { return g_stop_signal.load() != 0; }

int StopGuard::exit_status() {
  const int signal = g_stop_signal.load();
  return signal == 0 ? 0 : 128 + signal;
}

}  // namespace homa::tools
