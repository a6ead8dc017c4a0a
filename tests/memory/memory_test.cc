// Receive memory that is full: who still gets some, and what the others are told
// (docs/protocol.md#memory).
#include <algorithm>
#include <chrono>

#include "endtoend/hosts.h"

namespace homa::testing {
namespace {

using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;

constexpr std::uint16_t kPort = 4000;
constexpr std::uint16_t kOtherPort = 4001;

// Sends `count` requests of `length` bytes, each from transmit memory that is there for all.
void send_many(Socket& client, const SocketAddress& server, std::size_t count, std::size_t length) {
  const std::vector<std::byte> request = pattern(length, count);
  for (std::size_t i = 0; i < count; ++i) {
    const auto sent = client.send(server, request);
    ASSERT_TRUE(sent) << sent.error().text;
  }
}

struct Ended {
  std::size_t answered = 0, overloaded = 0, other = 0;
};

// How the next `count` RPCs end.
Ended receive_many(Socket& client, std::size_t count, std::chrono::nanoseconds timeout) {
  Ended ended;
  for (std::size_t i = 0; i < count; ++i) {
    const auto message = client.receive(timeout);
    if (!message) break;
    if (message->kind() != Message::Kind::kFailure) {
      ++ended.answered;
    } else if (message->error() == ErrorCode::kOverloaded) {
      ++ended.overloaded;
    } else {
      ++ended.other;
    }
  }
  return ended;
}

HostConfig large_config() {
  HostConfig config = loopback_config();
  config.transmit_bytes = 256 << 20;
  return config;
}

// A handler that calls another server while requests fill the memory of its host.
TEST(FullMemory, HandlersThatCallAreAnswered) {
  constexpr std::size_t kRequests = 80;
  Host front = open_host(loopback_config());
  Host back = open_host(loopback_config());
  Host outside = open_host(large_config());
  EchoServer data(back, kPort);
  Socket requests = front.serve(kPort).value();
  Socket calls = front.client().value();
  std::vector<std::thread> handlers;
  for (int i = 0; i < 8; ++i) {
    handlers.emplace_back([&] {
      for (;;) {
        const auto request = requests.receive();
        if (!request) return;
        const auto nested = calls.call(data.address(), request->bytes().first(200'000), 60s);
        EXPECT_TRUE(nested) << nested.error().text;
        static_cast<void>(requests.reply(request->rpc(), bytes_of("done")).has_value());
      }
    });
  }
  Socket client = outside.client().value();
  send_many(client, {front.address(), kPort}, kRequests, 900'000);
  EXPECT_EQ(receive_many(client, kRequests, 60s).answered, kRequests) << nonzero_counters(front);
  requests.shutdown();
  for (std::thread& handler : handlers) handler.join();
}

TEST(FullMemory, ASocketThatNobodyReadsDoesNotStarveOthers) {
  Host server = open_host(loopback_config());
  Host outside = open_host(large_config());
  Socket unread = server.serve(kPort).value();
  EchoServer echo(server, kOtherPort);
  Socket hog = outside.client().value();
  send_many(hog, {server.address(), kPort}, 120, 900'000);
  Socket client = outside.client().value();
  for (const std::size_t length : {100U, 20'000U, 500'000U, 1'000'000U}) {
    for (int i = 0; i < 10; ++i) {
      const auto response = client.call(echo.address(), pattern(length, length), 60s);
      ASSERT_TRUE(response) << length << ": " << response.error().text << nonzero_counters(server);
    }
  }
}

TEST(FullMemory, AClientThatKeepsItsResponsesDoesNotStarveOthers) {
  Host server = open_host(loopback_config());
  Host here = open_host(large_config());
  EchoServer echo(server, kPort, 2);
  Socket hog = here.client().value();
  send_many(hog, echo.address(), 128, 500'000);
  std::this_thread::sleep_for(200ms);  // so that its responses come first
  Socket client = here.client().value();
  for (int i = 0; i < 10; ++i) {
    const auto response = client.call(echo.address(), pattern(500'000, 7), 60s);
    ASSERT_TRUE(response) << response.error().text << nonzero_counters(here);
  }
}

TEST(FullMemory, WhoWaitsLongLearnsThatTheServerIsOverloaded) {
  HostConfig config = loopback_config();
  config.parameters["buffer_wait_max"] = "300ms";
  Host server = open_host(config);
  Host outside = open_host(large_config());
  Socket unread = server.serve(kPort).value();
  Socket client = outside.client().value();
  constexpr std::size_t kRequests = 100;
  send_many(client, {server.address(), kPort}, kRequests, 900'000);
  // Those that found room stay until their application looks at them.
  std::size_t kept = 0;
  Ended ended = receive_many(client, kRequests, 3s);
  while (unread.receive(std::chrono::nanoseconds{0})) ++kept;
  EXPECT_GT(ended.overloaded, 0U);
  EXPECT_EQ(ended.other, 0U);
  EXPECT_EQ(kept + ended.overloaded, kRequests) << nonzero_counters(server);
}

TEST(FullMemory, WhereMessagesMayWaitNoneFails) {
  HostConfig config = loopback_config();
  config.parameters["buffer_wait_max"] = "100ms";
  config.wait_for_memory = true;
  Host server = open_host(config);
  Host outside = open_host(large_config());
  Socket slow = server.serve(kPort).value();
  Socket client = outside.client().value();
  constexpr std::size_t kRequests = 100;  // more than there is room for
  send_many(client, {server.address(), kPort}, kRequests, 900'000);
  EXPECT_FALSE(client.receive(1s)) << "nothing fails meanwhile";
  for (std::size_t i = 0; i < kRequests; ++i) {
    const auto request = slow.receive(60s);
    ASSERT_TRUE(request) << request.error().text << nonzero_counters(server);
    ASSERT_TRUE(slow.reply(request->rpc(), bytes_of("done")));
  }
  EXPECT_EQ(receive_many(client, kRequests, 60s).answered, kRequests);
}

}  // namespace
}  // namespace homa::testing
