// A homad that is killed or stopped and started again, under programs that go on.
#include <poll.h>

#include <atomic>
#include <map>
#include <mutex>

#include "daemon/homad.h"
#include "endtoend/hosts.h"

namespace homa::testing {
namespace {

constexpr std::uint16_t kPort = 4000;

class Restart : public ::testing::Test {
 protected:
  void start_again() { homad_.start(); }
  // homad has another UDP port after each start, so it is asked for anew.
  Result<Message, Error> call(Socket& client, std::string_view text) const {
    return client.call({host_.address(), kPort}, bytes_of(text), 1s);
  }
  bool calls_again(Socket& client) const {
    return eventually([&] {
      const auto answer = call(client, "again");
      return answer && text_of(*answer) == "again";
    });
  }

  Homad homad_;
  Host host_ = open_host(homad_.client_config());
};

TEST_F(Restart, ServersServeAgainWithoutBeingTold) {
  EchoServer server(host_, kPort, 3);
  Socket client = host_.client().value();
  ASSERT_TRUE(call(client, "before"));
  for (const int how : {SIGKILL, SIGTERM, SIGKILL}) {
    homad_.kill(how);
    ASSERT_TRUE(eventually([&] { return !client.send({host_.address(), kPort}, bytes_of("?")); }));
    EXPECT_EQ(call(client, "away").error().code, ErrorCode::kEngineLost);
    EXPECT_TRUE(client.is_open());
    EXPECT_TRUE(server.socket().is_open());
    start_again();
    EXPECT_TRUE(calls_again(client)) << homad_.log();
  }
}

// Programs look for homad every 20 ms, so a call succeeds after about 50 ms. A busy machine may
// take longer, but not each time.
TEST_F(Restart, ProgramsCallAgainWithin200Milliseconds) {
  EchoServer server(host_, kPort);
  Socket client = host_.client().value();
  ASSERT_TRUE(call(client, "before"));
  auto best = std::chrono::steady_clock::duration::max();
  for (int attempt = 0; attempt < 20 && best > 200ms; ++attempt) {
    homad_.kill(SIGKILL);
    start_again();
    const auto ready = std::chrono::steady_clock::now();
    ASSERT_TRUE(calls_again(client)) << homad_.log();
    best = std::min(best, std::chrono::steady_clock::now() - ready);
  }
  EXPECT_LE(best, 200ms) << best / 1ms << " ms";
}

TEST_F(Restart, ASocketThatDrainsStillRefusesAfterwards) {
  EchoServer server(host_, kPort);
  Socket client = host_.client().value();
  ASSERT_TRUE(call(client, "before"));
  ASSERT_TRUE(server.socket().stop_accepting());
  homad_.kill(SIGKILL);
  start_again();
  EXPECT_TRUE(eventually([&] {
    const auto answer = call(client, "again");
    EXPECT_FALSE(answer);
    return !answer && answer.error().code == ErrorCode::kDraining;
  })) << homad_.log();
}

TEST_F(Restart, AMessageThatIsBeingBuiltIsNotOverwritten) {
  EchoServer server(host_, kPort);
  Socket client = host_.client().value(), other = host_.client().value();
  ASSERT_TRUE(call(client, "before"));
  auto message = client.prepare(1'000);
  ASSERT_TRUE(message) << message.error().text;
  const auto content = pattern(1'000, 1);
  std::ranges::copy(content, message->bytes().begin());
  homad_.kill(SIGKILL);
  start_again();
  EXPECT_TRUE(calls_again(other)) << homad_.log();
  const auto sent = client.send({host_.address(), kPort}, std::move(*message));
  ASSERT_FALSE(sent);
  EXPECT_EQ(sent.error().code, ErrorCode::kEngineLost) << sent.error().text;
  EXPECT_TRUE(std::ranges::equal(message->bytes(), content));
  message->release();
  EXPECT_TRUE(calls_again(client)) << homad_.log();
}

TEST_F(Restart, RpcsInProgressEndWithAnErrorThatSaysSo) {
  Socket server = host_.serve(kPort).value();
  Socket client = host_.client().value();
  const auto received_one = client.send({host_.address(), kPort}, bytes_of("is served")).value();
  const auto request = server.receive(20s).value();
  const auto not_received = client.send({host_.address(), kPort}, bytes_of("waits")).value();
  std::thread waits([&] {
    for (const RpcHandle rpc : {received_one, not_received}) {
      const auto failed = client.receive_response(rpc, 20s);
      ASSERT_TRUE(failed) << failed.error().text;
      EXPECT_EQ(failed->kind(), Message::Kind::kFailure);
      EXPECT_EQ(failed->error(), ErrorCode::kEngineLost);
      EXPECT_EQ(failed->executed(), Executed::kPerhaps);
    }
  });
  homad_.kill(SIGKILL);
  waits.join();
  EXPECT_EQ(text_of(request), "is served") << "its bytes stay";
  EXPECT_FALSE(server.reply(request.rpc(), bytes_of("too late")));
  EXPECT_EQ(server.receive(100ms).error().code, ErrorCode::kWouldBlock)
      << "nobody is there for what was not received";
  EXPECT_FALSE(host_.client());
}

TEST_F(Restart, MessagesOfTheFormerHomadStay) {
  EchoServer server(host_, kPort);
  Socket client = host_.client().value();
  const auto sent = pattern(200'000, 7);
  auto held = client.call({host_.address(), kPort}, sent, 20s).value();
  const auto unread = client.send({host_.address(), kPort}, bytes_of("unread")).value();
  pollfd waiting{client.descriptor(), POLLIN, 0};
  ASSERT_EQ(::poll(&waiting, 1, 20'000), 1);
  homad_.kill(SIGKILL);
  start_again();
  ASSERT_TRUE(calls_again(client));
  for (std::uint64_t i = 0; i < 100; ++i) {
    ASSERT_TRUE(client.call({host_.address(), kPort}, pattern(200'000, i), 20s));
  }
  EXPECT_TRUE(std::equal(sent.begin(), sent.end(), held.bytes().begin(), held.bytes().end()));
  EXPECT_EQ(text_of(client.receive_response(unread, 0ms).value()), "unread");
  held.release();
  EXPECT_TRUE(calls_again(client));
}

TEST_F(Restart, DescriptorsGoOnTelling) {
  EchoServer server(host_, kPort);
  Socket client = host_.client().value();
  pollfd waiting{client.descriptor(), POLLIN, 0};
  homad_.kill(SIGKILL);
  start_again();
  ASSERT_TRUE(calls_again(client));
  while (client.receive(0ms)) {
  }
  for (int i = 0; i < 5; ++i) {
    ASSERT_EQ(::poll(&waiting, 1, 0), 0);
    ASSERT_TRUE(client.send({host_.address(), kPort}, bytes_of("ping")));
    ASSERT_EQ(::poll(&waiting, 1, 20'000), 1);
    EXPECT_EQ(text_of(client.receive(0ms).value()), "ping");
    EXPECT_FALSE(client.receive(0ms));
  }
}

TEST_F(Restart, AHostThatIsClosedMeanwhileIsGone) {
  auto host = std::make_unique<Host>(open_host(homad_.client_config()));
  Socket server = host->serve(kPort).value();
  homad_.kill(SIGKILL);
  ASSERT_TRUE(eventually(
      [&] { return server.reply(1, bytes_of("x")).error().code == ErrorCode::kEngineLost; }));
  host.reset();
  EXPECT_EQ(server.receive(20s).error().code, ErrorCode::kClosed);
  start_again();
  EXPECT_TRUE(eventually([&] { return host_.serve(kPort).has_value(); })) << "its port is free";
}

TEST_F(Restart, SocketsAreOpenedOrRefusedAtAnyMoment) {
  std::atomic<bool> stop{false};
  std::atomic<int> opened{0};
  std::thread opens([&] {
    while (!stop) {
      const auto client = host_.client();
      if (client) {
        ++opened;
        continue;
      }
      EXPECT_TRUE(client.error().code == ErrorCode::kEngineLost ||
                  client.error().code == ErrorCode::kClosed)
          << client.error().text;
    }
  });
  for (int i = 0; i < 5; ++i) {
    const int before = opened;
    EXPECT_TRUE(eventually([&] { return opened > before + 3; })) << "round " << i;
    homad_.kill(SIGKILL);
    start_again();
  }
  stop = true;
  opens.join();
  EXPECT_TRUE(eventually([&] { return host_.client().has_value(); }));
}

// Clients in mid-traffic while homad is killed again and again: each request carries a number of
// its own, and the server counts how often it saw it.
TEST_F(Restart, NothingIsExecutedTwice) {
  std::mutex mutex;
  std::map<std::uint64_t, int> seen;
  std::atomic<bool> stop{false};
  std::atomic<std::uint64_t> answered{0}, lost{0}, next{0};
  Socket server = host_.serve(kPort).value();
  std::thread serves([&] {
    while (const auto request = server.receive()) {
      std::uint64_t id = 0;
      std::memcpy(&id, request->bytes().data(), sizeof(id));
      {
        const std::lock_guard lock(mutex);
        ++seen[id];
      }
      static_cast<void>(server.reply(request->rpc(), request->bytes()).has_value());
    }
  });
  std::vector<std::thread> clients;
  for (int i = 0; i < 4; ++i) {
    // Opened before homad is killed for the first time.
    clients.emplace_back([&, client = host_.client().value()]() mutable {
      while (!stop) {
        auto request = pattern(8 + next % 50'000, 1);
        const std::uint64_t id = next++;
        std::memcpy(request.data(), &id, sizeof(id));
        const auto answer = client.call({host_.address(), kPort}, request, 20s);
        if (answer) {
          ++answered;
          const std::lock_guard lock(mutex);
          EXPECT_EQ(seen[id], 1);
        } else {
          ++lost;
          if (answer.error().executed == Executed::kNo) {
            const std::lock_guard lock(mutex);
            EXPECT_EQ(seen[id], 0) << answer.error().text;
          }
          std::this_thread::sleep_for(1ms);
        }
      }
    });
  }
  for (int i = 0; i < 4; ++i) {
    const std::uint64_t before = answered;
    EXPECT_TRUE(eventually([&] { return answered > before + 50; })) << "round " << i;
    homad_.kill(SIGKILL);
    start_again();
  }
  stop = true;
  for (std::thread& client : clients) client.join();
  server.shutdown();
  serves.join();
  EXPECT_GT(answered, 150U);
  EXPECT_GT(lost, 0U);
  for (const auto& [id, times] : seen) EXPECT_LE(times, 1) << "request " << id;
}

}  // namespace
}  // namespace homa::testing
