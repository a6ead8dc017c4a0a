// poll, ppoll, select and epoll, level and edge.
#include <poll.h>
#include <sys/epoll.h>
#include <sys/select.h>

#include <thread>

#include "interface.h"

namespace homa::testing {
namespace {

constexpr Outcome kOk{0, 0};
constexpr int kSoon = 10'000;  // ms: as good as for ever

class Waits : public Interface {
 protected:
  short events_of(const HomaSocket& socket, int timeout) {
    pollfd waiting{socket.fd(), POLLIN | POLLOUT, 0};
    EXPECT_GE(::poll(&waiting, 1, timeout), 0);
    return waiting.revents;
  }
  // Until the message was taken everywhere: no event may follow.
  static int readable(int fd, int timeout) {
    pollfd waiting{fd, POLLIN, 0};
    return ::poll(&waiting, 1, timeout);
  }
};
INSTANTIATE_TEST_SUITE_P(Families, Waits, both_families(), family_name);

TEST_P(Waits, PollTellsOfMessagesAndOfRoomToSend) {
  EXPECT_EQ(events_of(server_, 0), POLLOUT);
  client_.request(kPort, "x");
  EXPECT_EQ(readable(server_.fd(), kSoon), 1);
  EXPECT_EQ(events_of(server_, 0), POLLIN | POLLOUT) << "level: it stays so";
  EXPECT_EQ(server_.receive(0, MSG_DONTWAIT).text, "x");
  EXPECT_EQ(server_.receive(0, MSG_DONTWAIT).outcome, failed(EAGAIN));
  EXPECT_EQ(events_of(server_, 0), POLLOUT);
}

TEST_P(Waits, AThreadInPollIsWokenByAMessage) {
  std::thread sender([&] {
    ::usleep(50'000);
    client_.request(kPort, "x");
  });
  EXPECT_EQ(readable(server_.fd(), kSoon), 1);
  sender.join();
}

// The descriptor may tell for nothing; a receive that finds nothing then sets that right.
TEST_P(Waits, APrivateResponseDoesNotStayReadable) {
  const std::uint64_t id = client_.request(kPort, "x", 0, HOMA_SENDMSG_PRIVATE);
  EXPECT_EQ(readable(client_.fd(), 0), 0);
  const auto request = server_.receive();
  ASSERT_EQ(server_.respond(request, "mine"), kOk);
  if (readable(client_.fd(), 50) == 1) {
    EXPECT_EQ(client_.receive(0, MSG_DONTWAIT).outcome, failed(EAGAIN));
  }
  EXPECT_EQ(readable(client_.fd(), 0), 0);
  EXPECT_EQ(client_.receive(id).text, "mine");
  EXPECT_EQ(readable(client_.fd(), 0), 0);
}

TEST_P(Waits, ShutdownMakesReadable) {
  EXPECT_EQ(readable(client_.fd(), 0), 0);
  std::thread waiter([&] { EXPECT_EQ(readable(client_.fd(), kSoon), 1); });
  ::usleep(20'000);
  ASSERT_EQ(::shutdown(client_.fd(), SHUT_RDWR), 0);
  waiter.join();
  EXPECT_EQ(readable(client_.fd(), 0), 1);
}

// Sends until there is no room: not one message more than the descriptor promised.
TEST_P(Waits, WritableSaysThatASendWouldNotBlock) {
  const std::string text = pattern(1'000'000, 1);
  const auto writable = [&](int timeout) {
    pollfd waiting{client_.fd(), POLLOUT, 0};
    return ::poll(&waiting, 1, timeout) == 1;
  };
  homa_sendmsg_args args{};
  int sent = 0;
  while (writable(0)) {
    args = {};
    ASSERT_EQ(client_.send(server_place(), text, args, MSG_DONTWAIT), kOk) << sent;
    ASSERT_LT(++sent, 2'000);
  }
  fd_set set;
  FD_ZERO(&set);
  FD_SET(client_.fd(), &set);
  timeval none{};
  EXPECT_EQ(::select(client_.fd() + 1, nullptr, &set, nullptr, &none), 0);
  while (args = {}, client_.send(server_place(), text, args, MSG_DONTWAIT) == kOk) ++sent;
  EXPECT_FALSE(writable(0));
  // Nothing but the descriptor tells the client when there is room again.
  std::thread receiver([&] {
    for (int i = 0; i < sent + 1; ++i) {
      const auto request = server_.receive();
      ASSERT_EQ(request.text, text);
      ASSERT_EQ(server_.respond(request, "thanks"), kOk);
    }
  });
  for (;;) {
    ASSERT_TRUE(writable(kSoon));
    args = {};
    if (client_.send(server_place(), text, args, MSG_DONTWAIT) == kOk) break;
  }
  for (int i = 0; i < sent + 1; ++i) EXPECT_EQ(client_.receive().text, "thanks");
  receiver.join();
  EXPECT_TRUE(writable(kSoon));
}

TEST_P(Waits, SelectAndPpollDoTheSame) {
  const auto select = [&](int ms) {
    fd_set set;
    FD_ZERO(&set);
    FD_SET(server_.fd(), &set);
    timeval timeout{ms / 1000, ms % 1000 * 1000};
    const int count = ::select(server_.fd() + 1, &set, nullptr, nullptr, &timeout);
    return count == 1 && FD_ISSET(server_.fd(), &set);
  };
  EXPECT_FALSE(select(0));
  client_.request(kPort, "x");
  EXPECT_TRUE(select(kSoon));
  pollfd waiting{server_.fd(), POLLIN, 0};
  const timespec none{};
  EXPECT_EQ(::ppoll(&waiting, 1, &none, nullptr), 1);
  fd_set set;
  FD_ZERO(&set);
  FD_SET(server_.fd(), &set);
  EXPECT_EQ(::pselect(server_.fd() + 1, &set, nullptr, nullptr, &none, nullptr), 1);
  EXPECT_EQ(server_.receive(0, MSG_DONTWAIT).text, "x");
}

class Epoll : public Waits {
 protected:
  void SetUp() override {
    epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
    Waits::SetUp();
  }
  void TearDown() override { ::close(epoll_); }
  int add(int fd, std::uint32_t events) {
    epoll_event event{};
    event.events = events;
    event.data.fd = fd;
    return ::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event);
  }
  int wait(int timeout) {
    epoll_event event{};
    const int count = ::epoll_wait(epoll_, &event, 1, timeout);
    return count == 1 ? event.data.fd : -1;
  }
  int epoll_ = -1;
};
INSTANTIATE_TEST_SUITE_P(Families, Epoll, both_families(), family_name);

TEST_P(Epoll, LevelTellsAsLongAsThereAreMessages) {
  ASSERT_EQ(add(server_.fd(), EPOLLIN), 0);
  EXPECT_EQ(wait(0), -1);
  client_.request(kPort, "1");
  client_.request(kPort, "2");
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(wait(kSoon), server_.fd());
    EXPECT_EQ(server_.receive().outcome.result, 1);
  }
  EXPECT_EQ(server_.receive(0, MSG_DONTWAIT).outcome, failed(EAGAIN));
  EXPECT_EQ(wait(0), -1);
}

TEST_P(Epoll, EachOfItsCallsTells) {
  ASSERT_EQ(add(server_.fd(), EPOLLIN), 0);
  client_.request(kPort, "x");
  ASSERT_EQ(wait(kSoon), server_.fd());
  epoll_event event{};
  const timespec none{};
  EXPECT_EQ(::epoll_pwait(epoll_, &event, 1, 0, nullptr), 1);
  EXPECT_EQ(::epoll_pwait2(epoll_, &event, 1, &none, nullptr), 1);
}

TEST_P(Epoll, EdgeTellsAgainAfterTheSocketWasEmptied) {
  ASSERT_EQ(add(server_.fd(), EPOLLIN | EPOLLET), 0);
  for (int i = 0; i < 50; ++i) {
    client_.request(kPort, "x");
    ASSERT_EQ(wait(kSoon), server_.fd()) << i;
    EXPECT_EQ(server_.receive(0, MSG_DONTWAIT).text, "x");
    EXPECT_EQ(server_.receive(0, MSG_DONTWAIT).outcome, failed(EAGAIN));
  }
}

TEST_P(Epoll, EdgeTellsOfRoomOnceEachTime) {
  const std::string text = pattern(1'000'000, 1);
  ASSERT_EQ(add(client_.fd(), EPOLLOUT | EPOLLET), 0);
  EXPECT_EQ(wait(0), client_.fd());
  EXPECT_EQ(wait(0), -1);
  const auto fill = [&] {
    int sent = 0;
    for (homa_sendmsg_args args{}; client_.send(server_place(), text, args, MSG_DONTWAIT) == kOk;
         args = {}) {
      ++sent;
    }
    return sent;
  };
  int sent = fill();
  ASSERT_GT(sent, 0);
  EXPECT_EQ(wait(0), -1);
  for (int round = 0; round < 3; ++round) {
    for (; sent > 0; --sent) {
      const auto request = server_.receive();
      ASSERT_EQ(server_.respond(request, "thanks"), kOk);
      ASSERT_EQ(client_.receive().text, "thanks");
    }
    EXPECT_EQ(wait(kSoon), client_.fd()) << round;
    sent = fill();
    ASSERT_GT(sent, 0);
    while (wait(0) == client_.fd()) continue;
  }
}

TEST_P(Epoll, ASocketMayBeWatchedBeforeItIsBound) {
  HomaSocket early(GetParam());
  ASSERT_EQ(early.give_memory(), kOk);
  ASSERT_EQ(add(early.fd(), EPOLLIN), 0);
  ASSERT_EQ(early.bind(4001), kOk);
  client_.request(4001, "x");
  EXPECT_EQ(wait(kSoon), early.fd());
  EXPECT_EQ(early.receive().text, "x");
}

TEST_P(Epoll, ACloseTakesTheSocketOutOfTheSet) {
  HomaSocket other(GetParam());
  ASSERT_EQ(add(other.fd(), EPOLLIN), 0);
  ASSERT_EQ(::shutdown(other.fd(), SHUT_RDWR), 0);
  EXPECT_EQ(wait(kSoon), other.fd());
  ASSERT_EQ(other.close(), kOk);
  EXPECT_EQ(wait(0), -1);
}

TEST_P(Epoll, AServerInOneLoopAnswersAll) {
  ASSERT_EQ(add(server_.fd(), EPOLLIN | EPOLLET), 0);
  std::thread loop([&] {
    for (int answered = 0; answered < 300;) {
      if (wait(kSoon) < 0) return;
      for (;;) {
        const auto request = server_.receive(0, MSG_DONTWAIT);
        if (request.outcome.result < 0) break;
        EXPECT_EQ(server_.respond(request, request.text), kOk);
        ++answered;
      }
    }
  });
  for (int i = 0; i < 300; ++i) {
    const std::string text = pattern(static_cast<std::size_t>(1 + i * 97), 1);
    client_.request(kPort, text);
    ASSERT_EQ(client_.receive().text, text);
  }
  loop.join();
}

}  // namespace
}  // namespace homa::testing
