#include "daemon/sandbox.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/capability.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <fstream>
#include <functional>
#include <string>
#include <thread>

#include "support/sanitizers.h"

namespace homa::daemon {
namespace {

constexpr int kNoFilter = 100;

// Of a process that enters the sandbox and then does `work`; an exit code, or the negated signal
// that ended it.
int end_of(const std::function<int()>& work) {
  const pid_t child = ::fork();
  if (child == 0) {
    if (!enter_sandbox(SandboxFor::kSockets)) ::_exit(kNoFilter);
    ::_exit(work());
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

int error_of(long result) { return result < 0 ? errno : 0; }

class Sandbox : public ::testing::Test {
 protected:
  void SetUp() override {
    if (end_of([] { return 0; }) == kNoFilter) GTEST_SKIP() << "the kernel has no such filter";
  }
};

TEST_F(Sandbox, StartsNoProgram) {
  char name[] = "/bin/true";
  char* const argv[] = {name, nullptr};
  EXPECT_EQ(end_of([&] { return error_of(::execv(name, argv)); }), -SIGSYS);
  EXPECT_EQ(end_of([] { return error_of(::fork()); }), EPERM);
}

TEST_F(Sandbox, LooksIntoNoOtherProcess) {
  EXPECT_EQ(end_of([] { return error_of(::ptrace(PTRACE_ATTACH, ::getppid(), nullptr, nullptr)); }),
            -SIGSYS);
  EXPECT_EQ(end_of([] { return error_of(::kill(::getppid(), 0)); }), EPERM);
}

TEST_F(Sandbox, OpensNoConnections) {
  EXPECT_EQ(end_of([] { return error_of(::socket(AF_INET, SOCK_STREAM, 0)); }), EPERM);
  EXPECT_EQ(end_of([] { return error_of(::socket(AF_INET6, SOCK_DGRAM, 0)); }), EPERM);
  EXPECT_EQ(end_of([] { return error_of(::socket(AF_UNIX, SOCK_DGRAM, 0)); }), 0);
}

TEST_F(Sandbox, WritesNoFiles) {
  EXPECT_EQ(end_of([] { return error_of(::open("/tmp/x", O_WRONLY)); }), EPERM);
  EXPECT_EQ(end_of([] { return error_of(::open("/tmp/x", O_RDONLY | O_CREAT, 0600)); }), EPERM);
  EXPECT_EQ(end_of([] { return error_of(::open("/proc/self/mem", O_RDWR)); }), EPERM);
}

TEST_F(Sandbox, ExecutesNoMemoryThatItWrote) {
  EXPECT_EQ(end_of([] {
              void* const both = ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
                                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
              return both == MAP_FAILED ? errno : 0;
            }),
            EPERM);
  EXPECT_EQ(end_of([] {
              void* const written =
                  ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
              return error_of(::mprotect(written, 4096, PROT_READ | PROT_EXEC));
            }),
            EPERM);
}

TEST_F(Sandbox, HasNoCapabilitiesAndGetsNone) {
  EXPECT_EQ(end_of([] {
              const cap_t all = cap_get_proc();
              cap_flag_value_t has = CAP_CLEAR;
              int any = 0;
              for (cap_value_t one = 0; cap_get_flag(all, one, CAP_PERMITTED, &has) == 0; ++one) {
                any += has == CAP_SET ? 1 : 0;
              }
              return any;
            }),
            0);
  EXPECT_EQ(end_of([] { return ::prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0); }), 1);
}

TEST_F(Sandbox, LetsHomadDoItsWork) {
  if (test::kSanitizers) GTEST_SKIP() << "sanitizers use other system calls";
  EXPECT_EQ(end_of([] {
              std::ifstream file("/etc/passwd");  // a reload reads files, in a thread
              std::string line;
              std::thread([&] { std::getline(file, line); }).join();
              return line.empty() ? 1 : 0;
            }),
            0);
  EXPECT_EQ(end_of([] { return error_of(::eventfd(0, EFD_CLOEXEC)); }), 0);
  EXPECT_EQ(end_of([] { return error_of(::memfd_create("x", MFD_CLOEXEC)); }), 0);
}

TEST_F(Sandbox, HoldsForThreadsThatRunAlready) {
  EXPECT_EQ(end_of([] { return 0; }), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    int ends[2];
    if (::pipe(ends) != 0) ::_exit(2);
    std::thread earlier([&] {
      char go = 0;
      if (::read(ends[0], &go, 1) != 1) ::_exit(3);
      ::_exit(error_of(::socket(AF_INET, SOCK_STREAM, 0)));
    });
    if (!enter_sandbox(SandboxFor::kSockets) || ::write(ends[1], "x", 1) != 1) ::_exit(4);
    earlier.join();
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(WEXITSTATUS(status), EPERM);
}

}  // namespace
}  // namespace homa::daemon
