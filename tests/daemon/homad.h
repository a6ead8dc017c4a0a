// A homad for tests: its own process, its own socket in a folder of its own, any UDP port of
// loopback. And children that use it.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "homa/host.h"
#include "support/sanitizers.h"

namespace homa::testing {

using namespace std::chrono_literals;

// Until `condition` holds; false: it did not within 20 s.
inline bool eventually(const std::function<bool()>& condition) {
  for (const auto until = std::chrono::steady_clock::now() + 20s;
       std::chrono::steady_clock::now() < until; std::this_thread::sleep_for(5ms)) {
    if (condition()) return true;
  }
  return condition();
}

class Homad {
 public:
  // `config`: what its file has beside [engine] and [parameters].
  explicit Homad(const std::string& config = "") {
    char folder[] = "/tmp/homad-test-XXXXXX";
    folder_ = ::mkdtemp(folder);
    ::chmod(folder_.c_str(), 0755);  // for users of all kinds
    configure(config);
    start();
  }
  ~Homad() {
    kill(SIGKILL);
    std::filesystem::remove_all(folder_);
  }
  Homad(const Homad&) = delete;
  Homad& operator=(const Homad&) = delete;

  void configure(const std::string& config) const {
    std::ofstream(config_path()) << "[engine]\naddress = \"127.0.0.1\"\nudp_port = 0\n"
                                    "[parameters]\ntimeout_ticks = 5000\n"
                                 << config;
  }
  void start(const std::vector<std::string>& more = {}) {
    const std::size_t before = log().size();
    pid_ = launch(more);
    EXPECT_TRUE(eventually([&] { return log().find("ready: ", before) != std::string::npos; }))
        << log();
  }
  // Another homad takes this one's place. The exit code of the former one; -1: a signal ended it.
  int replace() {
    const pid_t former = std::exchange(pid_, -1);
    start({"--replace"});
    return end_of(former);
  }
  void reload() {
    const std::size_t before = log().size();
    ::kill(pid_, SIGHUP);
    EXPECT_TRUE(eventually([&] { return log().find("reloaded: ", before) != std::string::npos; }))
        << log();
  }
  bool logged(const std::string& text) const {
    return eventually([&] { return log().find(text) != std::string::npos; });
  }
  // Its exit code; -1: a signal ended it.
  int kill(int signal) {
    if (pid_ < 0) return 0;
    ::kill(pid_, signal);
    return end_of(std::exchange(pid_, -1));
  }

  HostConfig client_config() const {
    HostConfig config;
    config.engine = EngineChoice::kDaemon;
    config.daemon_socket = socket();
    config.receive_bytes = 4 << 20;
    config.transmit_bytes = 4 << 20;
    return config;
  }
  std::string socket() const { return folder_ + "/homad.sock"; }
  std::string config_path() const { return folder_ + "/homad.toml"; }
  std::string log_path() const { return folder_ + "/log"; }
  std::string log() const { return read(log_path()); }
  pid_t pid() const { return pid_; }
  std::size_t descriptors() const {
    const std::filesystem::directory_iterator all("/proc/" + std::to_string(pid_) + "/fd");
    return static_cast<std::size_t>(std::distance(begin(all), end(all)));
  }
  // A field of /proc/PID/status, in kB.
  std::uint64_t memory(const std::string& field) const {
    const std::string status = read("/proc/" + std::to_string(pid_) + "/status");
    const auto at = status.find(field + ":");
    return at == std::string::npos ? 0 : std::strtoull(&status[at + field.size() + 1], nullptr, 10);
  }

 private:
  pid_t launch(const std::vector<std::string>& more) const {
    std::vector<std::string> words = {"homad",       "--socket",    socket(), "--config",
                                      config_path(), "--log-level", "debug"};
    words.insert(words.end(), more.begin(), more.end());
    if (test::kSanitizers) words.emplace_back("--no-sandbox");  // they use other system calls
    const pid_t child = ::fork();
    if (child == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      const int log = ::open(log_path().c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
      ::dup2(log, STDERR_FILENO);
      std::vector<char*> argv;
      for (std::string& word : words) argv.push_back(word.data());
      argv.push_back(nullptr);
      ::execv(HOMAD_PROGRAM, argv.data());
      ::_exit(127);
    }
    return child;
  }
  static int end_of(pid_t process) {
    int status = 0;
    ::waitpid(process, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  static std::string read(const std::string& path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  std::string folder_;
  pid_t pid_ = -1;
};

// A process that runs `work`; its exit code is what that returns.
class Child {
 public:
  explicit Child(const std::function<int()>& work) : pid_(::fork()) {
    if (pid_ != 0) return;
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::alarm(60);  // a child that hangs dies of it
    ::_exit(work());
  }
  ~Child() { kill(); }
  Child(Child&& other) noexcept : pid_(std::exchange(other.pid_, -1)) {}
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  // Its exit code; -1: a signal ended it.
  int wait() {
    int status = 0;
    ::waitpid(std::exchange(pid_, -1), &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  void kill() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    wait();
  }

 private:
  pid_t pid_;
};

// Tells another process that something has happened.
class Flag {
 public:
  Flag() { EXPECT_EQ(::pipe2(ends_, O_CLOEXEC), 0); }
  ~Flag() {
    ::close(ends_[0]);
    ::close(ends_[1]);
  }
  Flag(const Flag&) = delete;
  Flag& operator=(const Flag&) = delete;
  void raise() const { EXPECT_EQ(::write(ends_[1], "x", 1), 1); }
  // Until it was raised once more; false: not within 20 s.
  bool wait() const {
    pollfd waiting{ends_[0], POLLIN, 0};
    char byte = 0;
    return ::poll(&waiting, 1, 20'000) == 1 && ::read(ends_[0], &byte, 1) == 1;
  }

 private:
  int ends_[2];
};

}  // namespace homa::testing
