// Many threads, many RPCs, lossy networks: everything arrives once and intact, and nothing piles
// up.
#include <array>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <ctime>
#include <random>

#include "hosts.h"
#include "support/process_memory.h"
#include "support/sanitizers.h"

namespace homa {
namespace {

using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;
using testing::counter;
using testing::EchoServer;
using testing::loopback_config;
using testing::nonzero_counters;
using testing::open_host;
using testing::pattern;
using testing::RunBy;

// HOMA_TEST_SCALE multiplies how much is done (docs/testing.md#seeds).
std::uint64_t scaled(std::uint64_t count) {
  const char* scale = std::getenv("HOMA_TEST_SCALE");
  return scale == nullptr ? count : count * std::max(1UL, std::strtoul(scale, nullptr, 10));
}

std::size_t some_length(std::minstd_rand& random) {
  static constexpr std::array<std::size_t, 6> kMost{100, 1'000, 3'000, 10'000, 70'000, 200'000};
  const std::size_t most = kMost[random() % 16 < 14 ? random() % 4 : 4 + random() % 2];
  return 1 + random() % most;
}

// Calls with random lengths until `count` are done; each response is the request's bytes.
void call_many(Socket& socket, const SocketAddress& server, std::uint64_t seed,
               std::uint64_t count) {
  std::minstd_rand random(static_cast<unsigned>(seed) + 1);
  for (std::uint64_t i = 0; i < count; ++i) {
    const auto request = pattern(some_length(random), seed << 32 | i);
    const auto response = socket.call(server, request, 60s);
    ASSERT_TRUE(response) << response.error().text;
    ASSERT_TRUE(std::ranges::equal(response->bytes(), request)) << seed << " " << i;
  }
}

// Keeps `window` RPCs of one length in progress until `count` are answered.
void call_in_flight(Socket& socket, const SocketAddress& server, std::uint64_t count,
                    std::uint64_t window, std::size_t length) {
  const auto request = pattern(length, length);
  std::uint64_t sent = 0, answered = 0;
  while (answered < count) {
    if (sent < count && sent - answered < window) {
      ASSERT_TRUE(socket.send(server, request));
      ++sent;
      continue;
    }
    const auto message = socket.receive(60s);
    ASSERT_TRUE(message) << message.error().text;
    ASSERT_EQ(message->kind(), Message::Kind::kResponse) << to_string(message->error());
    ASSERT_TRUE(std::ranges::equal(message->bytes(), request));
    ++answered;
  }
}

class Stress : public ::testing::TestWithParam<RunBy> {};

INSTANTIATE_TEST_SUITE_P(Engines, Stress, ::testing::Values(RunBy::kLibrary, RunBy::kCallers),
                         [](const auto& parameter) {
                           return parameter.param == RunBy::kLibrary ? "library" : "callers";
                         });

TEST_P(Stress, ManyThreadsShareOneSocketOnEachSide) {
  Host server_host = open_host(loopback_config(GetParam()));
  Host client_host = open_host(loopback_config(GetParam()));
  EchoServer server(server_host, 4000, 4);
  Socket client = client_host.client().value();
  std::vector<std::thread> threads;
  for (std::uint64_t i = 0; i < 6; ++i) {
    threads.emplace_back([&, i] { call_many(client, server.address(), i, scaled(150)); });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_TRUE(client.status()->rpcs.empty());
}

TEST_P(Stress, ReceiversOfOneSocketGetEachMessageOnce) {
  Host server_host = open_host(loopback_config(GetParam()));
  Host client_host = open_host(loopback_config(GetParam()));
  EchoServer server(server_host, 4000, 2);
  Socket client = client_host.client().value();
  const std::uint64_t count = scaled(1'500);
  std::vector<std::atomic<int>> seen(count);
  std::atomic<std::uint64_t> received{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 5; ++i) {
    threads.emplace_back([&] {
      std::minstd_rand random(1);
      while (received < count) {
        // Short and uneven waits, so that many end just when a message comes.
        const auto message = client.receive(std::chrono::microseconds(random() % 400));
        if (!message) continue;
        ASSERT_LT(message->cookie(), count);
        ++seen[message->cookie()];
        ++received;
      }
    });
  }
  for (std::uint64_t i = 0; i < count; ++i) {
    SendOptions options;
    options.cookie = i;
    ASSERT_TRUE(client.send(server.address(), pattern(1 + i % 500, i), options));
    if (i % 32 == 0) std::this_thread::sleep_for(1ms);
  }
  for (std::thread& thread : threads) thread.join();
  for (std::uint64_t i = 0; i < count; ++i) ASSERT_EQ(seen[i], 1) << i;
}

// Long messages are sent while they are copied: one whose RPC is aborted meanwhile keeps its memory
// until its thread is done with it, and no longer.
TEST_P(Stress, MessagesAbortedWhileTheyAreCopiedHurtNoOthers) {
  Host server_host = open_host(loopback_config(GetParam()));
  HostConfig config = loopback_config(GetParam());
  config.transmit_bytes = 2 << 20;
  Host client_host = open_host(config);
  EchoServer server(server_host, 4000, 2);
  Socket client = client_host.client().value();
  std::atomic<int> calling{3};
  std::atomic<std::uint64_t> whole{0};
  std::vector<std::thread> threads;
  for (std::uint64_t i = 0; i < 3; ++i) {
    threads.emplace_back([&, i] {
      for (std::uint64_t n = 0; n < scaled(60) || whole == 0; ++n) {
        const auto request = pattern(400'000, i << 32 | n);
        const auto response = client.call(server.address(), request, 60s);
        if (!response) continue;
        EXPECT_TRUE(std::ranges::equal(response->bytes(), request)) << i << " " << n;
        ++whole;
      }
      --calling;
    });
  }
  std::minstd_rand random(1);
  // The pauses grow, so that some messages arrive however slow everything is.
  for (std::uint64_t aborts = 0; calling > 0; ++aborts) {
    std::this_thread::sleep_for(std::chrono::microseconds(random() % 6'000 * (1 + aborts / 20)));
    ASSERT_TRUE(client.abort_all(ErrorCode::kCancelled));
  }
  for (std::thread& thread : threads) thread.join();
  const auto last = pattern(1'000'000, 9);
  auto response = client.call(server.address(), last, 60s);
  for (int tries = 0; !response && tries < 1'000; ++tries) {  // the last abort's memory comes back
    ASSERT_EQ(response.error().code, ErrorCode::kNoMemory) << response.error().text;
    std::this_thread::sleep_for(10ms);
    response = client.call(server.address(), last, 60s);
  }
  ASSERT_TRUE(response) << response.error().text;
  EXPECT_TRUE(std::ranges::equal(response->bytes(), last));
}

TEST_P(Stress, LossDuplicationAndReorderingLoseAndCorruptNothing) {
  HostConfig config = loopback_config(GetParam());
  config.loss = 0.01;
  config.duplication = 0.005;
  config.reordering = 0.01;
  config.mtu = 1500;
  Host server_host = open_host(config);
  config.fault_seed = 2;
  Host client_host = open_host(config);
  EchoServer server(server_host, 4000, 2);
  Socket client = client_host.client().value();
  std::vector<std::thread> threads;
  for (std::uint64_t i = 0; i < 3; ++i) {
    threads.emplace_back([&, i] { call_many(client, server.address(), i, scaled(100)); });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_GT(counter(client_host, "resends_sent") + counter(server_host, "resends_sent"), 0U);
  EXPECT_EQ(counter(client_host, "requests_sent"), counter(server_host, "requests_received"));
}

TEST_P(Stress, MemoryAfterManyRpcsIsWhatItWasAfterFew) {
  HostConfig config = loopback_config(GetParam());
  // So that every part of every region has been touched early on.
  config.receive_bytes = 2 << 20;
  config.transmit_bytes = 2 << 20;
  Host server_host = open_host(config);
  Host client_host = open_host(config);
  EchoServer server(server_host, 4000);
  Socket client = client_host.client().value();
  call_in_flight(client, server.address(), 4'000, 32, 1'000);
  ASSERT_FALSE(HasFailure()) << nonzero_counters(client_host) << nonzero_counters(server_host);
  const std::uint64_t before = test::resident_bytes();
  call_in_flight(client, server.address(), scaled(20'000), 32, 1'000);
  ASSERT_FALSE(HasFailure()) << nonzero_counters(client_host) << nonzero_counters(server_host);
  if (!test::kSanitizers) {  // they keep memory of their own
    EXPECT_LT(test::resident_bytes(), before + (1 << 20));
  }
}

TEST(Sockets, OpenedAndClosedManyTimesLeaveNothing) {
  Host server_host = open_host(loopback_config());
  Host client_host = open_host(loopback_config());
  EchoServer server(server_host, 4000);
  std::uint64_t before = 0;
  for (int i = 0; i < 400; ++i) {
    Socket client = client_host.client().value();
    ASSERT_TRUE(client.call(server.address(), pattern(100, 1), 10s));
    ASSERT_TRUE(client.send(server.address(), pattern(100, 1)));
    if (i == 100) before = test::resident_bytes();
  }
  if (!test::kSanitizers) {  // they keep memory of their own
    EXPECT_LT(test::resident_bytes(), before + (4 << 20));
  }
}

TEST(Idle, CostsNoProcessorTime) {
  Host server_host = open_host(loopback_config());
  EchoServer server(server_host, 4000, 3);
  Host client_host = open_host(loopback_config());
  Socket client = client_host.client().value();
  ASSERT_TRUE(client.call(server.address(), pattern(100, 1), 10s));
  std::this_thread::sleep_for(1'500ms);  // acks and their timers are through
  const std::clock_t before = std::clock();
  std::this_thread::sleep_for(500ms);
  const double busy = static_cast<double>(std::clock() - before) / CLOCKS_PER_SEC;
  EXPECT_LT(busy, 0.02);
}

}  // namespace
}  // namespace homa
