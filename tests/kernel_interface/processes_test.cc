// fork and exec, which share descriptors.
#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>

#include <atomic>
#include <thread>

#include "interface.h"

namespace homa::testing {
namespace {

constexpr Outcome kOk{0, 0};

// What `work` returns in a child; 100 more than a signal that ended it.
template <typename Work>
int in_child(Work work) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::alarm(20);
    ::_exit(work());
  }
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 100 + WTERMSIG(status);
}

class Processes : public Interface {
 protected:
  void call(const std::string& text) {
    client_.request(kPort, text);
    const auto request = server_.receive();
    EXPECT_EQ(request.text, text);
    ASSERT_EQ(server_.respond(request, text), kOk);
    EXPECT_EQ(client_.receive().text, text);
  }
};
INSTANTIATE_TEST_SUITE_P(Families, Processes, both_families(), family_name);

TEST_P(Processes, AChildMayIgnoreOrCloseItsSockets) {
  EXPECT_EQ(in_child([] { return 0; }), 0);
  EXPECT_EQ(in_child([&] { return client_.close() == kOk && server_.close() == kOk ? 0 : 1; }), 0);
  call("the parent goes on");
}

// Over the kernel's module the child shares the socket; over a library it may be told that it does
// not. It never hangs.
TEST_P(Processes, AChildsCallsWorkOrFailAtOnce) {
  EXPECT_EQ(in_child([&] {
              const auto received = client_.receive_keeping(0, MSG_DONTWAIT);
              if (received.outcome.result != -1) return 1;
              if (received.outcome.error == EAGAIN) return 0;
              if (received.outcome.error != ESHUTDOWN) return 2;
              if (client_.receive_keeping().outcome != failed(ESHUTDOWN)) return 3;
              homa_sendmsg_args args{};
              if (client_.send(server_place(), "x", args) != failed(ESHUTDOWN)) return 4;
              if (std::strlen(client_.info().error_msg) == 0) return 5;
              pollfd waiting{client_.fd(), POLLIN, 0};
              return ::poll(&waiting, 1, 10'000) == 1 ? 0 : 6;
            }),
            0);
  call("the parent goes on");
}

// As a server does that becomes a daemon: the child goes on with the parent's socket. Over a
// library the child may be told that it cannot.
TEST_P(Processes, AChildGoesOnWithASocketThatItsParentClosed) {
  int to_child[2], to_parent[2];
  ASSERT_EQ(::pipe(to_child) + ::pipe(to_parent), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    ::alarm(20);
    char closed = 0;
    if (::read(to_child[0], &closed, 1) != 1) ::_exit(1);
    auto first = server_.receive_keeping(0, MSG_DONTWAIT);
    const char able = first.outcome == failed(ESHUTDOWN) ? 'n' : 'y';
    if (::write(to_parent[1], &able, 1) != 1) ::_exit(2);
    if (able == 'n') ::_exit(0);
    for (int i = 0; i < 3; ++i) {
      if (first.outcome.result < 0) first = server_.receive();
      if (server_.respond(first, "the child says " + first.text) != kOk) ::_exit(3);
      first.outcome = failed(EAGAIN);
    }
    ::_exit(0);
  }
  ASSERT_EQ(server_.close(), kOk);
  char answer = 'x';
  ASSERT_EQ(::write(to_child[1], &answer, 1), 1);
  ASSERT_EQ(::read(to_parent[0], &answer, 1), 1);
  for (int i = 0; answer == 'y' && i < 3; ++i) {
    client_.request(kPort, "hello");
    EXPECT_EQ(client_.receive().text, "the child says hello");
  }
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  for (const int end : {to_child[0], to_child[1], to_parent[0], to_parent[1]}) ::close(end);
}

TEST_P(Processes, AChildOpensSocketsOfItsOwn) {
  std::thread echo([&] {
    const auto request = server_.receive();
    EXPECT_EQ(server_.respond(request, request.text), kOk);
  });
  EXPECT_EQ(in_child([&] {
              HomaSocket own(GetParam());
              if (own.give_memory() != kOk) return 1;
              own.request(kPort, "from the child");
              return own.receive().text == "from the child" ? 0 : 2;
            }),
            0);
  echo.join();
}

TEST_P(Processes, ForksOfABusyProcessHarmNobody) {
  std::atomic<bool> stop{false};
  std::thread busy([&] {
    while (!stop) call("busy");
  });
  for (int i = 0; i < 20; ++i)
    EXPECT_EQ(in_child([&] { return client_.close() == kOk ? 0 : 1; }), 0);
  stop = true;
  busy.join();
}

TEST_P(Processes, VforkAndExecLeaveTheSocketsAlone) {
  const pid_t child = ::vfork();
  if (child == 0) {
    ::close(client_.fd());
    ::close(server_.fd());
    ::execl("/bin/true", "true", nullptr);
    ::_exit(1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  call("after exec");
}

TEST_P(Processes, OtherDescriptorsAreUntouched) {
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  const std::string text = pattern(1'000, 1);
  std::string back(text.size(), '\0');
  EXPECT_EQ(::write(ends[1], text.data(), text.size()), 1'000);
  EXPECT_EQ(::read(ends[0], back.data(), back.size()), 1'000);
  EXPECT_EQ(back, text);
  const int udp = ::socket(AF_INET, SOCK_DGRAM, 0);
  Place any = Place::of(AF_INET, 0);
  EXPECT_EQ(::bind(udp, any.get(), any.length), 0);
  any.length = sizeof(any.storage);
  EXPECT_EQ(::getsockname(udp, any.get(), &any.length), 0);
  EXPECT_EQ(::sendto(udp, "hello", 5, 0, any.get(), any.length), 5);
  EXPECT_EQ(::recv(udp, back.data(), 10, 0), 5);
  for (const int fd : {ends[0], ends[1], udp}) EXPECT_EQ(::close(fd), 0);
}

}  // namespace
}  // namespace homa::testing
