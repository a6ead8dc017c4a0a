// Programs that were written for the kernel module, on two hosts with each back end, by both
// families (tests/kernel_interface/remote.cc).
#include <gtest/gtest.h>

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "namespace.h"
#include "support/sanitizers.h"

namespace homa::testing {
namespace {

// A program whose standard output is read; it ends with this object.
class Running {
 public:
  Running(const Namespace& where, std::vector<std::string> command) {
    std::array<int, 2> ends{};
    EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
    const Namespace::Inside inside = where.enter();
    pid_ = ::fork();
    if (pid_ == 0) {
      // A sanitizer's library has to be the first of all.
      if (*HOMA_SANITIZER_LIBRARY != '\0') ::setenv("LD_PRELOAD", HOMA_SANITIZER_LIBRARY, 1);
      ::dup2(ends[1], STDOUT_FILENO);
      std::vector<char*> words;
      for (std::string& word : command) words.push_back(word.data());
      words.push_back(nullptr);
      ::execv(words[0], words.data());
      ::_exit(127);
    }
    ::close(ends[1]);
    output_.reset(::fdopen(ends[0], "r"));
  }
  ~Running() { end(SIGKILL); }
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;

  std::string line() {
    std::array<char, 256> text{};
    if (std::fgets(text.data(), static_cast<int>(text.size()), output_.get()) == nullptr) return "";
    return text.data();
  }
  // Its exit code; -1: a signal ended it.
  int wait() { return end(0); }

 private:
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  int end(int signal) {
    if (pid_ <= 0) return -1;
    if (signal != 0) ::kill(pid_, signal);
    int status = 0;
    ::waitpid(std::exchange(pid_, 0), &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

  pid_t pid_ = 0;
  std::unique_ptr<std::FILE, Close> output_;
};

struct Case {
  const char* backend;
  bool v6;
};
void PrintTo(const Case& one, std::ostream* out) { *out << one.backend << (one.v6 ? "6" : "4"); }

class KernelPrograms : public ::testing::TestWithParam<Case> {
 protected:
  void SetUp() override {
    std::string reason;
    hosts_ = TwoHosts::create(reason);
    if (!hosts_) GTEST_SKIP() << reason;
  }
  static std::string address(int host) {
    return (GetParam().v6 ? "fd77::" : "10.77.0.") + std::to_string(host);
  }
  // `addressed`: the engine is told its address, else it takes any.
  static std::vector<std::string> run(int host, bool addressed,
                                      const std::vector<std::string>& arguments) {
    std::vector<std::string> words = {HOMA_COMMAND, "run",  "--engine",
                                      "own",        "--io", GetParam().backend};
    if (addressed) words.insert(words.end(), {"--address", address(host)});
    words.insert(words.end(), {"--", HOMA_KERNEL_PROGRAM});
    words.insert(words.end(), arguments.begin(), arguments.end());
    return words;
  }
  void call(bool addressed) {
    Running server(*hosts_->b, run(2, addressed, {"serve", GetParam().v6 ? "6" : "4", "4000"}));
    const std::string ready = server.line();
    if (ready.empty() && std::string(GetParam().backend) == "xdp") {
      GTEST_SKIP() << "this machine has no AF_XDP";
    }
    ASSERT_EQ(ready, "ready\n");
    ::setenv("REMOTE", (address(2) + ":4000").c_str(), 1);
    Running client(*hosts_->a, run(1, addressed, {"--gtest_brief=1"}));
    std::string said;
    for (std::string line = client.line(); !line.empty(); line = client.line()) said += line;
    EXPECT_EQ(client.wait(), 0) << said;
  }

  std::unique_ptr<TwoHosts> hosts_;
};
INSTANTIATE_TEST_SUITE_P(BackEnds, KernelPrograms,
                         ::testing::Values(Case{"udp", false}, Case{"udp", true},
                                           Case{"raw", false}, Case{"raw", true},
                                           Case{"xdp", false}, Case{"xdp", true}),
                         [](const auto& one) {
                           return std::string(one.param.backend) + (one.param.v6 ? "6" : "4");
                         });

TEST_P(KernelPrograms, CallEachOther) { call(true); }

class KernelServers : public KernelPrograms {
 protected:
  std::vector<std::string> server(const std::string& port, const std::vector<std::string>& how) {
    std::vector<std::string> words = {HOMA_COMMAND, "run"};
    words.insert(words.end(), how.begin(), how.end());
    words.insert(words.end(), {"--", HOMA_KERNEL_PROGRAM, "serve", "4", port});
    return words;
  }
};
INSTANTIATE_TEST_SUITE_P(BackEnds, KernelServers, ::testing::Values(Case{"udp", false}));

TEST_P(KernelServers, ASecondOneIsToldThatAnotherHasTheUdpPort) {
  const std::vector<std::string> own = {"--engine", "own"};
  Running first(*hosts_->a, server("4000", own));
  ASSERT_EQ(first.line(), "ready\n");
  Running second(*hosts_->a, server("4001", own));
  EXPECT_NE(second.line().find("another program has the UDP port"), std::string::npos);
  EXPECT_EQ(second.wait(), 1);
}

TEST_P(KernelServers, ServeSideBySideOverHomad) {
  const std::string socket = "/tmp/homa-kernel-servers-" + std::to_string(::getpid());
  std::vector<std::string> daemon = {HOMA_DAEMON, "--socket", socket};
  if (test::kSanitizers) daemon.emplace_back("--no-sandbox");  // they use other system calls
  Running homad(*hosts_->a, daemon);
  for (int i = 0; i < 500 && ::access(socket.c_str(), F_OK) != 0; ++i) ::usleep(20'000);
  const std::vector<std::string> by_homad = {"--engine", "daemon", "--daemon", socket};
  Running first(*hosts_->a, server("4000", by_homad));
  Running second(*hosts_->a, server("4001", by_homad));
  ASSERT_EQ(first.line(), "ready\n");
  ASSERT_EQ(second.line(), "ready\n");
  ::setenv("REMOTE", "10.77.0.1:4001", 1);
  Running client(*hosts_->b, run(2, true, {"--gtest_brief=1"}));
  EXPECT_EQ(client.wait(), 0);
  ::unlink(socket.c_str());
  ::unlink((socket + ".lock").c_str());
}

// raw and xdp have one address.
class KernelProgramsAnywhere : public KernelPrograms {};
INSTANTIATE_TEST_SUITE_P(BackEnds, KernelProgramsAnywhere,
                         ::testing::Values(Case{"udp", false}, Case{"udp", true}));

TEST_P(KernelProgramsAnywhere, CallEachOther) { call(false); }

}  // namespace
}  // namespace homa::testing
