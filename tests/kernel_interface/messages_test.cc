// Messages: sendmsg and recvmsg, each row of the interface's tables.
#include <fcntl.h>
#include <poll.h>

#include <atomic>
#include <csignal>
#include <map>
#include <set>
#include <thread>

#include "interface.h"

namespace homa::testing {
namespace {

constexpr Outcome kOk{0, 0};

class Messages : public Interface {
 protected:
  // Answers requests with their own bytes in a thread, until shutdown.
  void start_echo() {
    echo_ = std::thread([this] {
      for (;;) {
        const auto request = server_.receive();
        if (request.outcome.result < 0) return;
        EXPECT_EQ(server_.respond(request, request.text), kOk);
      }
    });
  }
  void TearDown() override {
    if (!echo_.joinable()) return;
    ::shutdown(server_.fd(), SHUT_RDWR);
    echo_.join();
  }

  std::thread echo_;
};
INSTANTIATE_TEST_SUITE_P(Families, Messages, both_families(), family_name);

TEST_P(Messages, ARequestAndItsResponse) {
  const std::uint64_t id = client_.request(kPort, "question", 77);
  const auto request = server_.receive();
  EXPECT_EQ(request.text, "question");
  EXPECT_EQ(request.outcome.result, 8);
  EXPECT_EQ(request.args.id % 2, 1U) << "a server's ids are odd";
  EXPECT_EQ(request.args.completion_cookie, 0U);
  EXPECT_EQ(request.args.num_bpages, 1U);
  EXPECT_EQ(request.controllen, 0U);
  EXPECT_EQ(request.from.storage.ss_family, GetParam());
  EXPECT_GE(request.from.port(), HOMA_MIN_DEFAULT_PORT);
  ASSERT_EQ(server_.respond(request, "answer"), kOk);
  const auto response = client_.receive();
  EXPECT_EQ(response.text, "answer");
  EXPECT_EQ(response.args.id, id);
  EXPECT_EQ(response.args.completion_cookie, 77U);
  EXPECT_EQ(response.from.port(), kPort);
}

TEST_P(Messages, OfEveryLengthInPages) {
  start_echo();
  for (const std::size_t length :
       {std::size_t{1}, std::size_t{100}, std::size_t{65'535}, std::size_t{65'536},
        std::size_t{65'537}, std::size_t{131'072}, std::size_t{500'000}, std::size_t{1'000'000}}) {
    const std::string text = pattern(length, length);
    client_.request(kPort, text);
    const auto response = client_.receive();
    ASSERT_EQ(response.outcome.result, static_cast<long>(length));
    EXPECT_EQ(response.text, text);
    EXPECT_EQ(response.args.num_bpages, (length + HOMA_BPAGE_SIZE - 1) / HOMA_BPAGE_SIZE);
    for (std::uint32_t i = 0; i + 1 < response.args.num_bpages; ++i) {
      EXPECT_EQ(response.args.bpage_offsets[i] % HOMA_BPAGE_SIZE, 0U);
    }
  }
}

TEST_P(Messages, AreGatheredFromExtents) {
  std::string parts[] = {"scat", "", "ter", "-gather"};
  std::vector<iovec> extents;
  for (std::string& part : parts) extents.push_back({part.data(), part.size()});
  homa_sendmsg_args args{};
  EXPECT_EQ(client_.send(server_place(), extents, args), kOk);
  EXPECT_EQ(server_.receive().text, "scatter-gather");
}

TEST_P(Messages, WrongRequestsAreRefused) {
  const Place to = server_place();
  const auto send = [&](const std::string& text, homa_sendmsg_args args) {
    return client_.send(to, text, args);
  };
  EXPECT_EQ(send(std::string(1'000'001, 'x'), {}), failed(EINVAL));
  EXPECT_EQ(send("", {}), failed(EINVAL));
  EXPECT_EQ(send("x", {0, 0, 2, 0}), failed(EINVAL));
  EXPECT_EQ(send("x", {0, 0, 0, 1}), failed(EINVAL));
  EXPECT_EQ(send("x", {12'345, 0, 0, 0}), failed(EINVAL)) << "no request of that id";
  homa_sendmsg_args args{};
  Place other = Place::of(GetParam() == AF_INET ? AF_INET6 : AF_INET, kPort);
  EXPECT_EQ(client_.send(other, "x", args), failed(EAFNOSUPPORT));
  Place cut = to;
  --cut.length;
  EXPECT_EQ(client_.send(cut, "x", args), failed(EINVAL));
  EXPECT_EQ(client_.send(to, {{nullptr, 10}}, args), failed(EFAULT));
}

TEST_P(Messages, SendmsgWantsItsControlStructure) {
  Place to = server_place();
  char byte = 'x';
  iovec extent{&byte, 1};
  homa_sendmsg_args args{};
  msghdr message{};
  message.msg_name = to.get();
  message.msg_namelen = to.length;
  message.msg_iov = &extent;
  message.msg_iovlen = 1;
  EXPECT_EQ(Outcome::of(::sendmsg(client_.fd(), &message, 0)), failed(EINVAL));
  message.msg_control = &args;
  message.msg_controllen = sizeof(args);
  EXPECT_EQ(Outcome::of(::sendmsg(client_.fd(), &message, 0)), failed(EINVAL));
}

TEST_P(Messages, WrongReceivesAreRefused) {
  EXPECT_EQ(client_.receive(2, MSG_DONTWAIT).outcome, failed(EINVAL)) << "no RPC of ours";
  EXPECT_EQ(client_.receive(0, MSG_DONTWAIT | MSG_PEEK).outcome, failed(EINVAL));
  homa_recvmsg_args args{};
  msghdr message{};
  message.msg_control = &args;
  message.msg_controllen = sizeof(args) - 1;
  EXPECT_EQ(Outcome::of(::recvmsg(client_.fd(), &message, MSG_DONTWAIT)), failed(EINVAL));
  message.msg_controllen = sizeof(args);
  args.num_bpages = HOMA_MAX_BPAGES + 1;
  EXPECT_EQ(Outcome::of(::recvmsg(client_.fd(), &message, MSG_DONTWAIT)), failed(EINVAL));
  EXPECT_EQ(args.num_bpages, HOMA_MAX_BPAGES + 1U) << "no bpage was taken";
  args = {};
  args.reserved = 1;
  EXPECT_EQ(Outcome::of(::recvmsg(client_.fd(), &message, MSG_DONTWAIT)), failed(EINVAL));
  args = {};
  message.msg_control = nullptr;
  EXPECT_EQ(Outcome::of(::recvmsg(client_.fd(), &message, MSG_DONTWAIT)), failed(EINVAL));
  HomaSocket without_memory(GetParam());
  EXPECT_EQ(without_memory.receive(0, MSG_DONTWAIT).outcome, failed(EINVAL));
}

TEST_P(Messages, APrivateResponseGoesToItsThreadOnly) {
  start_echo();
  const std::uint64_t id = client_.request(kPort, "mine", 5, HOMA_SENDMSG_PRIVATE);
  client_.request(kPort, "anybody's");
  EXPECT_EQ(client_.receive().text, "anybody's");
  ::usleep(20'000);
  EXPECT_EQ(client_.receive(0, MSG_DONTWAIT).outcome, failed(EAGAIN));
  const auto mine = client_.receive(id);
  EXPECT_EQ(mine.text, "mine");
  EXPECT_EQ(mine.args.id, id);
  EXPECT_EQ(mine.args.completion_cookie, 5U);
  EXPECT_EQ(client_.receive(id, MSG_DONTWAIT).outcome, failed(EINVAL)) << "it was received";
}

TEST_P(Messages, OnlyPrivateRpcsCanBeWaitedFor) {
  const std::uint64_t id = client_.request(kPort, "shared");
  const auto received = client_.receive(id, MSG_DONTWAIT);
  EXPECT_EQ(received.outcome, failed(EINVAL));
  EXPECT_EQ(received.args.id, 0U) << "the call failed, and no RPC";
}

TEST_P(Messages, NothingThereIsEagain) {
  EXPECT_EQ(client_.receive(0, MSG_DONTWAIT).outcome, failed(EAGAIN));
  const int flags = ::fcntl(client_.fd(), F_GETFL);
  ASSERT_EQ(::fcntl(client_.fd(), F_SETFL, flags | O_NONBLOCK), 0);
  EXPECT_EQ(client_.receive().outcome, failed(EAGAIN));
  const std::uint64_t id = client_.request(kPort, "x", 0, HOMA_SENDMSG_PRIVATE);
  const auto received = client_.receive(id);
  EXPECT_EQ(received.outcome, failed(EAGAIN));
  EXPECT_EQ(received.args.id, 0U);
}

TEST_P(Messages, EachGoesToOneOfSeveralThreads) {
  constexpr int kThreads = 4, kEach = 100;
  start_echo();
  std::atomic<int> left{kThreads * kEach};
  std::atomic<std::uint64_t> cookies{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] {
      HomaSocket::Received last;
      while (left.load() > 0) {
        std::vector<std::uint32_t> back(last.args.bpage_offsets,
                                        last.args.bpage_offsets + last.args.num_bpages);
        last = client_.receive_keeping(0, 0, back);
        if (last.outcome.result < 0) return;
        cookies += last.args.completion_cookie;
        if (--left == 0) ::shutdown(client_.fd(), SHUT_RDWR);
      }
    });
  }
  for (std::uint64_t i = 1; i <= kThreads * kEach; ++i) client_.request(kPort, "x", i);
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(cookies.load(), std::uint64_t{kThreads * kEach} * (kThreads * kEach + 1) / 2);
}

TEST_P(Messages, BpagesComeBackInAnyOrderFromAnyMessage) {
  start_echo();
  // More than the memory holds at once: 64 bpages.
  std::vector<std::uint32_t> held;
  for (int round = 0; round < 40; ++round) {
    const std::string text = pattern(400'000, static_cast<std::uint64_t>(round));
    client_.request(kPort, text);
    std::vector<std::uint32_t> back;
    while (held.size() > 20 && back.size() < HOMA_MAX_BPAGES) {
      back.push_back(held[held.size() / 2]);
      held.erase(held.begin() + static_cast<std::ptrdiff_t>(held.size() / 2));
    }
    const auto response = client_.receive_keeping(0, 0, back);
    ASSERT_EQ(response.text, text);
    held.insert(held.end(), response.args.bpage_offsets,
                response.args.bpage_offsets + response.args.num_bpages);
  }
}

TEST_P(Messages, AReceiveThatOnlyGivesBackIsEagain) {
  start_echo();
  client_.request(kPort, "x");
  const auto response = client_.receive_keeping();
  const std::uint64_t before = client_.info().bpool_avail_bytes;
  const auto nothing = client_.receive_keeping(0, MSG_DONTWAIT, {response.args.bpage_offsets[0]});
  EXPECT_EQ(nothing.outcome, failed(EAGAIN));
  EXPECT_EQ(nothing.args.num_bpages, 0U) << "they were taken";
  EXPECT_GE(client_.info().bpool_avail_bytes, before);
  EXPECT_EQ(client_.receive_keeping(0, MSG_DONTWAIT, {0x7fff0000}).outcome, failed(EINVAL))
      << "no bpage of the memory";
}

TEST_P(Messages, UsedUpMemoryLosesNoMessage) {
  constexpr int kMessages = 4;  // more than the memory holds
  start_echo();
  HomaSocket small(GetParam());
  ASSERT_EQ(small.give_memory(40 * HOMA_BPAGE_SIZE), kOk);
  const std::string text = pattern(1'000'000, 3);
  for (int i = 0; i < kMessages; ++i) small.request(kPort, text);
  std::vector<HomaSocket::Received> held;
  // Until nothing comes any more, but not so long that a response is given up.
  for (int looks = 0, quiet = 0; looks < 1'000 && (held.empty() || quiet < 40); ++looks) {
    auto one = small.receive_keeping(0, MSG_DONTWAIT);
    if (one.outcome.result > 0) {
      EXPECT_TRUE(one.text == text);
      held.push_back(std::move(one));
      quiet = 0;
      continue;
    }
    // A receiver that finds no room may say so, or leave the message where it is.
    EXPECT_TRUE(one.outcome == failed(ENOMEM) || one.outcome == failed(EAGAIN));
    ++quiet;
    ::usleep(5'000);
  }
  ASSERT_GE(held.size(), 1U);
  ASSERT_LT(held.size(), kMessages + 0U) << "the memory cannot hold so many";
  int received = static_cast<int>(held.size());
  while (received < kMessages) {
    ASSERT_FALSE(held.empty());
    const homa_recvmsg_args back = held.back().args;
    held.pop_back();
    auto one =
        small.receive_keeping(0, 0, {back.bpage_offsets, back.bpage_offsets + back.num_bpages});
    ASSERT_TRUE(one.text == text) << small.info().error_msg;
    held.push_back(std::move(one));
    ++received;
  }
}

// However long its memory is used up. The test runs with a limit of 300 ms where there is one.
TEST_P(Messages, AMessageWaitsForMemoryAsLongAsTheReceiverWants) {
  constexpr int kMessages = 6;  // more than the memory holds
  HomaSocket small(GetParam());
  ASSERT_EQ(small.give_memory(40 * HOMA_BPAGE_SIZE), kOk);
  ASSERT_EQ(small.bind(4001), kOk);
  const std::string text = pattern(1'000'000, 3);
  for (int i = 0; i < kMessages; ++i) client_.request(4001, text);
  auto first = small.receive_keeping();
  ASSERT_TRUE(first.text == text);
  ::usleep(1'500'000);
  EXPECT_EQ(client_.receive(0, MSG_DONTWAIT).outcome, failed(EAGAIN)) << "nothing fails meanwhile";
  small.give_back(first);
  ASSERT_EQ(small.respond(first, "thanks"), kOk);
  for (int i = 1; i < kMessages; ++i) {
    const auto request = small.receive();
    ASSERT_TRUE(request.text == text) << small.info().error_msg;
    ASSERT_EQ(small.respond(request, "thanks"), kOk);
  }
  for (int i = 0; i < kMessages; ++i) EXPECT_EQ(client_.receive().text, "thanks");
}

TEST_P(Messages, SeveralAreSentAndReceivedByOneCall) {
  constexpr unsigned kCount = 3;
  Place to = server_place();
  std::string texts[kCount] = {"one", "three", "seventeen"};
  iovec extents[kCount];
  homa_sendmsg_args sent[kCount] = {};
  mmsghdr out[kCount] = {};
  for (unsigned i = 0; i < kCount; ++i) {
    extents[i] = {texts[i].data(), texts[i].size()};
    out[i].msg_hdr.msg_name = to.get();
    out[i].msg_hdr.msg_namelen = to.length;
    out[i].msg_hdr.msg_iov = &extents[i];
    out[i].msg_hdr.msg_iovlen = 1;
    out[i].msg_hdr.msg_control = &sent[i];
  }
  ASSERT_EQ(Outcome::of(::sendmmsg(client_.fd(), out, kCount, 0)), (Outcome{kCount, 0}));
  for (const mmsghdr& one : out) EXPECT_EQ(one.msg_len, 0U) << "what sendmsg() returns";
  std::set<unsigned> lengths;
  for (unsigned received = 0; received < kCount;) {
    homa_recvmsg_args args[kCount] = {};
    mmsghdr in[kCount] = {};
    for (unsigned i = 0; i < kCount; ++i) {
      in[i].msg_hdr.msg_control = &args[i];
      in[i].msg_hdr.msg_controllen = sizeof(args[i]);
    }
    const int count = ::recvmmsg(server_.fd(), in, kCount - received, MSG_WAITFORONE, nullptr);
    ASSERT_GT(count, 0) << std::strerror(errno);
    for (int i = 0; i < count; ++i) lengths.insert(in[i].msg_len);
    received += static_cast<unsigned>(count);
  }
  EXPECT_EQ(lengths, (std::set<unsigned>{3, 5, 9}));
  out[1].msg_hdr.msg_controllen = 1;
  for (homa_sendmsg_args& args : sent) args = {};
  EXPECT_EQ(Outcome::of(::sendmmsg(client_.fd(), out, kCount, 0)), (Outcome{1, 0}))
      << "the calls before the one that failed count";
  out[0].msg_hdr.msg_controllen = 1;
  EXPECT_EQ(Outcome::of(::sendmmsg(client_.fd(), out, kCount, 0)), failed(EINVAL));
}

TEST_P(Messages, FailuresNameTheirRpc) {
  const std::uint64_t id = client_.request(4999, "x", 9);  // no server there
  const auto failure = client_.receive();
  EXPECT_EQ(failure.outcome, failed(ENOTCONN));
  EXPECT_EQ(failure.args.id, id);
  EXPECT_EQ(failure.args.completion_cookie, 9U);
  EXPECT_EQ(failure.args.num_bpages, 0U);
  const std::uint64_t second = client_.request(4999, "x", 10, HOMA_SENDMSG_PRIVATE);
  const auto private_failure = client_.receive(second);
  EXPECT_EQ(private_failure.outcome, failed(ENOTCONN));
  EXPECT_EQ(private_failure.args.id, second);
}

TEST_P(Messages, ResponsesAreForRequestsThatWait) {
  client_.request(kPort, "x");
  const auto request = server_.receive();
  homa_sendmsg_args with_cookie{request.args.id, 1, 0, 0};
  EXPECT_EQ(server_.send(request.from, "y", with_cookie), failed(EINVAL));
  EXPECT_EQ(server_.respond(request, ""), failed(EINVAL));
  EXPECT_EQ(server_.respond(request, "answer"), kOk);
  EXPECT_EQ(client_.receive().text, "answer");
}

TEST_P(Messages, AResponseToAClientThatIsGoneIsDropped) {
  auto client = std::make_unique<HomaSocket>(GetParam());
  client->request(kPort, "x");
  const auto request = server_.receive();
  client.reset();
  ::usleep(50'000);
  EXPECT_EQ(server_.respond(request, "too late"), kOk);
}

TEST_P(Messages, ASocketThatTakesNoRequestsAnswersThem) {
  const int off = 0;
  ASSERT_EQ(::setsockopt(server_.fd(), IPPROTO_HOMA, SO_HOMA_SERVER, &off, sizeof(off)), 0);
  client_.request(kPort, "x");
  std::thread receiver([&] { EXPECT_EQ(server_.receive_keeping().outcome, failed(ESHUTDOWN)); });
  EXPECT_EQ(client_.receive().outcome, failed(ENOTCONN));
  ::shutdown(server_.fd(), SHUT_RDWR);
  receiver.join();
}

TEST_P(Messages, AServersSocketSendsRequestsToo) {
  start_echo();
  HomaSocket other(GetParam());
  ASSERT_EQ(other.give_memory(), kOk);
  other.request(kPort, "as a client");
  ASSERT_EQ(other.bind(4001), kOk);
  EXPECT_EQ(other.receive().text, "as a client") << "its RPCs go on";
  other.request(kPort, "as a server");
  EXPECT_EQ(other.receive().text, "as a server");
  client_.request(4001, "to it");
  EXPECT_EQ(other.receive().text, "to it");
}

std::atomic<int> signals{0};

TEST_P(Messages, ASignalInterruptsABlockedReceive) {
  struct sigaction action {};
  action.sa_handler = [](int) { ++signals; };
  struct sigaction before {};
  ASSERT_EQ(::sigaction(SIGUSR1, &action, &before), 0);
  std::atomic<bool> done{false};
  std::thread waiter([&] {
    EXPECT_EQ(client_.receive_keeping().outcome, failed(EINTR));
    done = true;
  });
  while (!done) {
    ::pthread_kill(waiter.native_handle(), SIGUSR1);
    ::usleep(5'000);
  }
  waiter.join();
  EXPECT_GT(signals.load(), 0);
  struct sigaction ours {};
  ASSERT_EQ(::sigaction(SIGUSR1, &before, &ours), 0);
  EXPECT_EQ(ours.sa_handler, action.sa_handler) << "sigaction tells the handler that was given";
}

TEST_P(Messages, ASignalInterruptsASendThatWaitsForRoom) {
  const std::string text = pattern(1'000'000, 1);
  pollfd room{client_.fd(), POLLOUT, 0};
  while (::poll(&room, 1, 300) == 1) {  // until the server's memory is full as well
    homa_sendmsg_args args{};
    static_cast<void>(client_.send(server_place(), text, args, MSG_DONTWAIT));
  }
  struct sigaction action {};
  action.sa_handler = [](int) {};
  struct sigaction before {};
  ASSERT_EQ(::sigaction(SIGUSR1, &action, &before), 0);
  std::atomic<bool> done{false};
  std::thread sender([&] {
    homa_sendmsg_args waiting{};
    EXPECT_EQ(client_.send(server_place(), text, waiting), failed(EINTR));
    done = true;
  });
  while (!done) {
    ::usleep(5'000);
    if (!done) ::pthread_kill(sender.native_handle(), SIGUSR1);
  }
  sender.join();
  ASSERT_EQ(::sigaction(SIGUSR1, &before, nullptr), 0);
}

TEST_P(Messages, MoreThanTheSendMemoryHoldsAreSentInTime) {
  // Nobody receives: the memory for what is under way fills up.
  const std::string text = pattern(1'000'000, 1);
  int sent = 0;
  Outcome last;
  for (; sent < 2'000; ++sent) {
    homa_sendmsg_args args{};
    last = client_.send(server_place(), text, args, MSG_DONTWAIT);
    if (last != kOk) break;
  }
  EXPECT_EQ(last, failed(EAGAIN));
  EXPECT_GT(sent, 0);
  std::thread receiver([&] {
    for (int i = 0; i < sent + 2; ++i) {
      const auto request = server_.receive();
      ASSERT_EQ(request.text, text);
      ASSERT_EQ(server_.respond(request, "thanks"), kOk);
    }
  });
  for (int i = 0; i < 2; ++i) client_.request(kPort, text);  // these wait for room
  for (int i = 0; i < sent + 2; ++i) EXPECT_EQ(client_.receive().text, "thanks");
  receiver.join();
}

}  // namespace
}  // namespace homa::testing
