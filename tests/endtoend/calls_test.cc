// One client, one server: what each call of the API does.
#include <poll.h>

#include <chrono>
#include <map>
#include <thread>

#include "hosts.h"

namespace homa {
namespace {

using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;
using std::chrono_literals::operator""us;
using testing::bytes_of;
using testing::EchoServer;
using testing::loopback_config;
using testing::open_host;
using testing::pattern;
using testing::RunBy;
using testing::text_of;

bool readable(int fd) {
  pollfd polled{fd, POLLIN, 0};
  return ::poll(&polled, 1, 0) == 1;
}

// Everything runs with both kinds of engine.
class Calls : public ::testing::TestWithParam<RunBy> {
 protected:
  Host client_host_ = open_host(loopback_config(GetParam()));
  Host server_host_ = open_host(loopback_config(GetParam()));
  Socket client_ = client_host_.client().value();
};

INSTANTIATE_TEST_SUITE_P(Engines, Calls, ::testing::Values(RunBy::kLibrary, RunBy::kCallers),
                         [](const auto& parameter) {
                           return parameter.param == RunBy::kLibrary ? "library" : "callers";
                         });

TEST_P(Calls, ReturnTheResponse) {
  EchoServer server(server_host_, 4000);
  const auto response = client_.call(server.address(), bytes_of("hello"), 5s);
  ASSERT_TRUE(response) << response.error().text;
  EXPECT_EQ(text_of(*response), "hello");
  EXPECT_EQ(response->kind(), Message::Kind::kResponse);
  EXPECT_EQ(response->peer(), server.address());
}

TEST_P(Calls, CarryEveryLength) {
  EchoServer server(server_host_, 4000);
  for (const std::size_t length : {1UL, 2UL, 1'400UL, 1'424UL, 1'425UL, 39'999UL, 40'000UL,
                                   65'536UL, 100'001UL, 999'999UL, 1'000'000UL, 4UL << 20}) {
    const auto request = pattern(length, length);
    const auto response = client_.call(server.address(), request, 10s);
    ASSERT_TRUE(response) << length << ": " << response.error().text;
    ASSERT_TRUE(std::ranges::equal(response->bytes(), request)) << length;
  }
}

// Neither side knows at first how long a message the other one takes.
TEST_P(Calls, LearnHowLongAMessageThePeerTakes) {
  HostConfig config = loopback_config(GetParam());
  config.parameters["message_bytes_max"] = "1500000";
  Host small = open_host(config);
  EchoServer server(small, 4000);
  const auto request = pattern(2'000'000, 1);
  for (int attempt = 0; attempt < 2; ++attempt) {
    const std::uint64_t packets = testing::counter(client_host_, "packets_sent");
    const auto refused = client_.call(server.address(), request, 10s);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::kTooLong) << refused.error().text;
    EXPECT_EQ(refused.error().executed, Executed::kNo);
    if (attempt == 1) {
      EXPECT_EQ(testing::counter(client_host_, "packets_sent"), packets);
    }
  }
  EXPECT_TRUE(client_.call(server.address(), std::span(request).first(1'500'000), 10s));

  Socket big = server_host_.serve(4001).value();
  std::thread answering([&] {
    while (const auto question = big.receive()) {
      EXPECT_TRUE(big.reply(question->rpc(), request));
    }
  });
  Socket asking = small.client().value();
  for (int attempt = 0; attempt < 2; ++attempt) {
    const auto too_long = asking.call({server_host_.address(), 4001}, bytes_of("x"), 10s);
    ASSERT_FALSE(too_long);
    EXPECT_EQ(too_long.error().code, ErrorCode::kTooLong) << too_long.error().text;
    EXPECT_EQ(too_long.error().executed, Executed::kYes);
  }
  big.shutdown();
  answering.join();
}

TEST_P(Calls, SendAndReceiveWithCookies) {
  EchoServer server(server_host_, 4000);
  std::map<RpcHandle, std::uint64_t> sent;
  for (std::uint64_t i = 1; i <= 100; ++i) {
    SendOptions options;
    options.cookie = i * 7;
    const auto rpc = client_.send(server.address(), pattern(i * 50, i), options);
    ASSERT_TRUE(rpc) << rpc.error().text;
    sent[*rpc] = i;
  }
  while (!sent.empty()) {
    const auto message = client_.receive(10s);
    ASSERT_TRUE(message) << message.error().text;
    const auto found = sent.find(message->rpc());
    ASSERT_NE(found, sent.end());
    EXPECT_EQ(message->cookie(), found->second * 7);
    EXPECT_TRUE(std::ranges::equal(message->bytes(), pattern(found->second * 50, found->second)));
    sent.erase(found);
  }
}

TEST_P(Calls, PrivateResponsesAreForTheirOwnerOnly) {
  EchoServer server(server_host_, 4000);
  SendOptions options;
  options.is_private = true;
  const RpcHandle hidden = client_.send(server.address(), bytes_of("private"), options).value();
  const RpcHandle open = client_.send(server.address(), bytes_of("open")).value();
  const auto first = client_.receive(5s);
  ASSERT_TRUE(first) << first.error().text;
  EXPECT_EQ(first->rpc(), open);
  EXPECT_EQ(client_.receive(50ms).error().code, ErrorCode::kWouldBlock);
  const auto second = client_.receive_response(hidden, 5s);
  ASSERT_TRUE(second) << second.error().text;
  EXPECT_EQ(text_of(*second), "private");
  EXPECT_EQ(client_.receive_response(hidden, 0s).error().code, ErrorCode::kNoSuchRpc);
}

TEST_P(Calls, TimeOutAndTheServerLearns) {
  Socket server = server_host_.serve(4000).value();
  const SocketAddress address{server_host_.address(), 4000};
  std::thread caller([&] {
    const auto before = std::chrono::steady_clock::now();
    const auto response = client_.call(address, bytes_of("wait"), 500ms);
    EXPECT_FALSE(response);
    if (!response) {
      EXPECT_EQ(response.error().code, ErrorCode::kTimeout);
    }
    EXPECT_GE(std::chrono::steady_clock::now() - before, 500ms);
  });
  // Before the client gives up: afterwards it would be gone.
  const auto request = server.receive(5s);
  caller.join();
  ASSERT_TRUE(request) << request.error().text;
  // With a polled engine the client's abort leaves in call() already; here it only has to arrive.
  const auto until = std::chrono::steady_clock::now() + 5s;
  while (std::chrono::steady_clock::now() < until && !server.status()->rpcs.empty()) {
    static_cast<void>(server.receive(1ms).has_value());
  }
  EXPECT_EQ(server.reply(request->rpc(), bytes_of("late")).error().code, ErrorCode::kNoSuchRpc);
}

TEST_P(Calls, AClientsSocketBecomesAServersAndGoesOn) {
  Socket server = server_host_.serve(4000).value();
  Socket both = client_host_.client().value();
  ASSERT_TRUE(both.send({server_host_.address(), 4000}, bytes_of("as a client")));
  EXPECT_EQ(both.bind(0).error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(both.bind(40'000).error().code, ErrorCode::kInvalidArgument);
  const Socket taken = client_host_.serve(4001).value();
  EXPECT_EQ(both.bind(4001).error().code, ErrorCode::kInUse);
  ASSERT_TRUE(both.bind(4002));
  EXPECT_TRUE(both.bind(4002)) << "it is bound there already";
  EXPECT_EQ(both.bind(4003).error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(both.port(), 4002);
  const auto request = server.receive(5s);
  ASSERT_TRUE(request) << request.error().text;
  ASSERT_TRUE(server.reply(request->rpc(), bytes_of("to the client")));
  EXPECT_EQ(text_of(both.receive(5s).value()), "to the client");
  ASSERT_TRUE(server.send({client_host_.address(), 4002}, bytes_of("to the server")));
  EXPECT_EQ(text_of(both.receive(5s).value()), "to the server");
  both.shutdown();
  EXPECT_EQ(both.bind(4002).error().code, ErrorCode::kClosed);
}

TEST_P(Calls, AbortWithACodeGivesAFailureAndSilentlyNothing) {
  Socket server = server_host_.serve(4000).value();
  const SocketAddress address{server_host_.address(), 4000};
  SendOptions options;
  options.cookie = 99;
  const RpcHandle loud = client_.send(address, bytes_of("a"), options).value();
  const RpcHandle silent = client_.send(address, bytes_of("b")).value();
  ASSERT_TRUE(client_.abort(silent));
  ASSERT_TRUE(client_.abort(loud, ErrorCode::kOverloaded));
  const auto failure = client_.receive(5s);
  ASSERT_TRUE(failure) << failure.error().text;
  EXPECT_EQ(failure->kind(), Message::Kind::kFailure);
  EXPECT_EQ(failure->rpc(), loud);
  EXPECT_EQ(failure->error(), ErrorCode::kOverloaded);
  EXPECT_EQ(failure->cookie(), 99U);
  EXPECT_EQ(client_.receive(30ms).error().code, ErrorCode::kWouldBlock);
  EXPECT_EQ(client_.abort(silent).error().code, ErrorCode::kNoSuchRpc);
}

TEST_P(Calls, AServersRefusalReachesTheClientInWords) {
  Socket server = server_host_.serve(4000).value();
  const SocketAddress address{server_host_.address(), 4000};
  const RpcHandle rpc = client_.send(address, bytes_of("x")).value();
  std::optional<Result<Message, Error>> request;
  for (int i = 0; i < 1000 && !(request && *request); ++i) {
    static_cast<void>(client_host_.poll());
    request = server.receive(5ms);
  }
  ASSERT_TRUE(*request) << request->error().text;
  ASSERT_TRUE(server.abort((*request)->rpc(), ErrorCode::kOverloaded));
  const auto failure = client_.receive_response(rpc, 5s);
  ASSERT_TRUE(failure) << failure.error().text;
  EXPECT_EQ(failure->error(), ErrorCode::kOverloaded);
  EXPECT_NE(client_.status()->last_error.text.find("no room for more requests"), std::string::npos);
}

TEST_P(Calls, ToAPortWithoutSocketFailAsNoSuchSocket) {
  EchoServer server(server_host_, 4000);
  const auto response = client_.call({server_host_.address(), 4001}, bytes_of("anybody?"), 5s);
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code, ErrorCode::kNoSuchSocket) << response.error().text;
}

TEST_P(Calls, ToAHostWithoutHomaFailAsUnreachable) {
  Address nowhere = client_host_.address();
  {
    Host other = open_host(loopback_config());
    nowhere = other.address();
  }
  const auto response = client_.call({nowhere, 4000}, bytes_of("anybody?"), 5s);
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code, ErrorCode::kPeerUnreachable) << response.error().text;
}

TEST_P(Calls, RefuseWhatCannotBeSent) {
  const SocketAddress address{server_host_.address(), 4000};
  EXPECT_EQ(client_.send(address, std::span<const std::byte>()).error().code,
            ErrorCode::kInvalidArgument);
  EXPECT_EQ(client_.send(address, pattern((4U << 20) + 1, 1)).error().code, ErrorCode::kTooLong);
  EXPECT_EQ(client_.send({server_host_.address(), 40'000}, bytes_of("x")).error().code,
            ErrorCode::kInvalidArgument);
  EXPECT_EQ(client_.reply(12'345, bytes_of("x")).error().code, ErrorCode::kNoSuchRpc);
  EXPECT_EQ(client_.receive_response(12'344, 0s).error().code, ErrorCode::kNoSuchRpc);
  EXPECT_EQ(client_.receive(0s).error().code, ErrorCode::kWouldBlock);
}

TEST_P(Calls, APortIsOneSocketsOnlyUntilItCloses) {
  {
    Socket first = server_host_.serve(4000).value();
    const auto second = server_host_.serve(4000);
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, ErrorCode::kInUse);
  }
  EXPECT_TRUE(server_host_.serve(4000));
}

TEST_P(Calls, TheDescriptorIsReadableWhileThereIsSomethingToReceive) {
  EchoServer server(server_host_, 4000);
  const int fd = client_.descriptor();
  ASSERT_GE(fd, 0);
  EXPECT_FALSE(readable(fd));
  for (int round = 0; round < 20; ++round) {
    ASSERT_TRUE(client_.send(server.address(), bytes_of("one")));
    ASSERT_TRUE(client_.send(server.address(), bytes_of("two")));
    for (int i = 0; i < 5'000 && !readable(fd); ++i) {
      static_cast<void>(client_host_.poll());
      std::this_thread::sleep_for(1ms);
    }
    ASSERT_TRUE(readable(fd)) << round;
    int received = 0;
    while (received < 2) {
      if (client_.receive(0s)) {
        ++received;
      } else {
        static_cast<void>(client_host_.poll());
        std::this_thread::sleep_for(100us);
      }
    }
    EXPECT_FALSE(client_.receive(0s));
    EXPECT_FALSE(readable(fd)) << round;
  }
  client_.shutdown();
  EXPECT_TRUE(readable(fd));
}

TEST_P(Calls, ShutdownWakesEveryWaiterAndFailsItsPeers) {
  Socket server = server_host_.serve(4000).value();
  const SocketAddress address{server_host_.address(), 4000};
  const RpcHandle rpc = client_.send(address, bytes_of("x")).value();
  std::vector<std::thread> waiters;
  std::atomic<int> closed{0};
  for (int i = 0; i < 4; ++i) {
    waiters.emplace_back([&] {
      for (;;) {
        const auto request = server.receive();
        if (request) continue;
        EXPECT_EQ(request.error().code, ErrorCode::kClosed);
        ++closed;
        return;
      }
    });
  }
  EXPECT_EQ(client_.receive_response(rpc, 50ms).error().code, ErrorCode::kWouldBlock);
  server.shutdown();
  for (std::thread& waiter : waiters) waiter.join();
  EXPECT_EQ(closed, 4);
  EXPECT_FALSE(server.is_open());
  const auto failure = client_.receive_response(rpc, 5s);
  ASSERT_TRUE(failure) << failure.error().text;
  EXPECT_EQ(failure->kind(), Message::Kind::kFailure);
  // The server's application had the request when its socket was closed.
  EXPECT_EQ(failure->error(), ErrorCode::kCancelled);
  EXPECT_EQ(failure->executed(), Executed::kPerhaps);
}

TEST_P(Calls, MessagesOutliveSocketAndHost) {
  Message kept;
  {
    Host host = open_host(loopback_config(GetParam()));
    EchoServer server(server_host_, 4000);
    Socket socket = host.client().value();
    kept = socket.call(server.address(), bytes_of("kept"), 5s).value();
  }
  EXPECT_EQ(text_of(kept), "kept");
}

TEST_P(Calls, StatusShowsRpcsInProgress) {
  Socket server = server_host_.serve(4000).value();
  const SocketAddress address{server_host_.address(), 4000};
  const RpcHandle rpc = client_.send(address, pattern(1000, 1)).value();
  EXPECT_EQ(client_.receive(50ms).error().code, ErrorCode::kWouldBlock);
  const auto status = client_.status();
  ASSERT_TRUE(status) << status.error().text;
  EXPECT_EQ(status->port, client_.port());
  ASSERT_EQ(status->rpcs.size(), 1U);
  EXPECT_EQ(status->rpcs[0].rpc, rpc);
  EXPECT_EQ(status->rpcs[0].peer, address);
  EXPECT_EQ(status->rpcs[0].send_length, 1000U);
  EXPECT_EQ(status->rpcs[0].sent, 1000U);
}

TEST_P(Calls, AServerMayCallOthers) {
  EchoServer back(server_host_, 4001);
  Socket front = client_host_.serve(4000).value();
  const auto response = front.call(back.address(), bytes_of("through"), 5s);
  ASSERT_TRUE(response) << response.error().text;
  EXPECT_EQ(text_of(*response), "through");
}

}  // namespace
}  // namespace homa
