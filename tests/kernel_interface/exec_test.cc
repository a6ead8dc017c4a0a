// Sockets that stay open when a program executes another one. The program executes itself: its
// first life opens sockets, and the next one uses them.
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>

#include <array>
#include <cstdlib>
#include <thread>

#include "interface.h"

extern char** environ;

namespace homa::testing {
namespace {

constexpr Outcome kOk{0, 0};
constexpr std::uint16_t kPort = 4000;

// A program's own descriptor of a socket that it did not open.
int number(const char* name) {
  const char* const text = std::getenv(name);
  return text == nullptr ? -1 : std::atoi(text);
}

void tell_next(const char* name, int fd) { ::setenv(name, std::to_string(fd).c_str(), 1); }

void keep_over_exec(int fd) { ASSERT_EQ(::fcntl(fd, F_SETFD, 0), 0); }

// A second descriptor: the object that opened the socket may close its own.
int open_kept(int family, std::uint16_t port, int flags) {
  HomaSocket socket(family, SOCK_CLOEXEC | flags);
  if (port != 0) {
    EXPECT_EQ(socket.bind(port), kOk);
  }
  const int kept = ::dup(socket.fd());
  keep_over_exec(kept);
  return kept;
}

class Exec : public ::testing::TestWithParam<int> {
 protected:
  static std::string this_test(const char* life) {
    const auto* const info = ::testing::UnitTest::GetInstance()->current_test_info();
    ::setenv("HOMA_TEST_LIFE", life, 1);
    return std::string("--gtest_filter=") + info->test_suite_name() + "." + info->name();
  }
  static std::string life() {
    const char* const text = std::getenv("HOMA_TEST_LIFE");
    return text == nullptr ? "" : text;
  }
  // In a child, so that the other tests go on here. This process has opened no socket before, so
  // the child's engine has the host's UDP port to itself.
  template <typename First>
  void two_lives(First first) {
    const pid_t child = ::fork();
    if (child == 0) {
      ::alarm(60);
      first();
      const std::string filter = this_test("second");
      if (!HasFailure()) ::execl("/proc/self/exe", "kernel_exec_test", filter.c_str(), nullptr);
      ::_exit(1);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
  }
};
INSTANTIATE_TEST_SUITE_P(Families, Exec, both_families(), family_name);

TEST_P(Exec, AServersSocketServesInTheNextProgram) {
  if (life().empty()) {
    return two_lives([&] {
      tell_next("HOMA_TEST_SERVER", open_kept(GetParam(), kPort, SOCK_NONBLOCK));
      HomaSocket closed(GetParam(), SOCK_CLOEXEC);
      tell_next("HOMA_TEST_CLOSED", ::dup(closed.fd()));
      ASSERT_EQ(::fcntl(number("HOMA_TEST_CLOSED"), F_SETFD, FD_CLOEXEC), 0);
    });
  }
  EXPECT_EQ(::fcntl(number("HOMA_TEST_CLOSED"), F_GETFD), -1);
  HomaSocket server(GetParam(), Existing{number("HOMA_TEST_SERVER")});
  EXPECT_EQ(server.port(), kPort);
  EXPECT_EQ(::fcntl(server.fd(), F_GETFL) & O_NONBLOCK, O_NONBLOCK);
  int takes_requests = 0;
  socklen_t length = sizeof(takes_requests);
  EXPECT_EQ(::getsockopt(server.fd(), IPPROTO_HOMA, SO_HOMA_SERVER, &takes_requests, &length), 0);
  EXPECT_EQ(takes_requests, 1);
  ASSERT_EQ(server.give_memory(), kOk);
  EXPECT_EQ(server.receive().outcome, failed(EAGAIN));
  HomaSocket client(GetParam());
  ASSERT_EQ(client.give_memory(), kOk);
  client.request(kPort, "after exec");
  pollfd waiting{server.fd(), POLLIN, 0};
  ASSERT_EQ(::poll(&waiting, 1, 20'000), 1);
  const auto request = server.receive();
  EXPECT_EQ(request.text, "after exec");
  ASSERT_EQ(server.respond(request, "answer"), kOk);
  EXPECT_EQ(client.receive().text, "answer");
}

TEST_P(Exec, DuplicatesAreStillOneSocket) {
  if (life().empty()) {
    return two_lives([&] {
      const int kept = open_kept(GetParam(), kPort, 0);
      tell_next("HOMA_TEST_SERVER", kept);
      tell_next("HOMA_TEST_SAME", ::dup(kept));
    });
  }
  HomaSocket first(GetParam(), Existing{number("HOMA_TEST_SERVER")});
  ASSERT_EQ(first.give_memory(), kOk);
  HomaSocket second(GetParam(), Existing{number("HOMA_TEST_SAME")});
  EXPECT_EQ(second.give_memory(), failed(EINVAL)) << "it has some";
  EXPECT_EQ(first.close(), kOk);
  EXPECT_EQ(second.receive(0, MSG_DONTWAIT).outcome, failed(EAGAIN));
}

// A spawned program calls the one that spawned it.
TEST_P(Exec, ASpawnedProgramUsesAClientsSocket) {
  if (life() == "spawned") {
    HomaSocket client(GetParam(), Existing{number("HOMA_TEST_CLIENT")});
    ASSERT_EQ(client.give_memory(), kOk);
    client.request(kPort, "spawned");
    ASSERT_EQ(client.receive().text, "answer");
    return;
  }
  HomaSocket server(GetParam());
  ASSERT_EQ(server.give_memory(), kOk);
  ASSERT_EQ(server.bind(kPort), kOk);
  tell_next("HOMA_TEST_CLIENT", open_kept(GetParam(), 0, 0));
  std::string name = "kernel_exec_test", filter = this_test("spawned");
  std::array<char*, 3> words{name.data(), filter.data(), nullptr};
  pid_t child = 0;
  ASSERT_EQ(::posix_spawn(&child, "/proc/self/exe", nullptr, nullptr, words.data(), environ), 0);
  ::unsetenv("HOMA_TEST_LIFE");
  std::thread answering([&] {
    const auto request = server.receive();
    EXPECT_EQ(request.text, "spawned");
    EXPECT_EQ(server.respond(request, "answer"), kOk);
  });
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  if (status != 0) ::shutdown(server.fd(), SHUT_RDWR);
  answering.join();
  ::close(number("HOMA_TEST_CLIENT"));
}

}  // namespace
}  // namespace homa::testing
