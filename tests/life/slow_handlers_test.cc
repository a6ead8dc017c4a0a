// A server may take as long as it likes: no healthy call fails by itself
// (docs/protocol.md#silence).
#include "life.h"

namespace homa::life {
namespace {

using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;
using testing::bytes_of;
using testing::open_host;

constexpr std::uint16_t kPort = 4000;

// Each of `workers` threads takes `time` for a request.
class Workers {
 public:
  Workers(Host& host, std::size_t workers, Clock::duration time)
      : socket_(host.serve(kPort).value()), address_{host.address(), kPort} {
    for (std::size_t i = 0; i < workers; ++i) {
      threads_.emplace_back([this, time] {
        for (;;) {
          const auto request = socket_.receive();
          if (!request) return;
          std::this_thread::sleep_for(time);
          static_cast<void>(socket_.reply(request->rpc(), request->bytes()).has_value());
        }
      });
    }
  }
  ~Workers() {
    socket_.shutdown();
    for (std::thread& thread : threads_) thread.join();
  }
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;

  const SocketAddress& address() const { return address_; }

 private:
  Socket socket_;
  SocketAddress address_;
  std::vector<std::thread> threads_;
};

class ManyOutstanding : public ::testing::TestWithParam<std::size_t> {};

INSTANTIATE_TEST_SUITE_P(Requests, ManyOutstanding, ::testing::Values(1U, 50U, 1'000U, 5'000U));

TEST_P(ManyOutstanding, AreAllAnsweredByAServerThatTakesASecond) {
  Host server_host = open_host(config());
  Host client_host = open_host(config());
  DelayedServer server(server_host, kPort, 1s);
  Socket client = client_host.client().value();
  ASSERT_TRUE(send_many(client, server.address(), GetParam(), "request"));
  const Tally tally = receive_many(client, GetParam(), 10s);
  EXPECT_EQ(tally.answered, GetParam()) << tally.text();
  EXPECT_EQ(server.requests(), GetParam());
}

TEST(SlowHandlers, AsManyCallersAsHandlersOf300Milliseconds) {
  constexpr std::size_t kThreads = 32, kCalls = 5;
  Host server_host = open_host(config());
  Host client_host = open_host(config());
  Workers server(server_host, kThreads, 300ms);
  Socket client = client_host.client().value();
  std::mutex mutex;
  Tally tally;
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] {
      for (std::size_t call = 0; call < kCalls; ++call) {
        const auto response = client.call(server.address(), bytes_of("x"), 30s);
        const std::lock_guard lock(mutex);
        tally.add(response);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(tally.answered, kThreads * kCalls) << tally.text();
}

TEST(SlowHandlers, EightyRequestsForFourWorkersOfTenMilliseconds) {
  Host server_host = open_host(config());
  Host client_host = open_host(config());
  Workers server(server_host, 4, 10ms);
  Socket client = client_host.client().value();
  ASSERT_TRUE(send_many(client, server.address(), 80, "x"));
  const Tally tally = receive_many(client, 80, 10s);
  EXPECT_EQ(tally.answered, 80U) << tally.text();
}

// A program of one thread: while its handler works, nobody drives its engine but the library.
TEST(SlowHandlers, AProgramOfOneThreadWhoseHandlerTakes150Milliseconds) {
  constexpr std::size_t kCalls = 20;
  Host server_host = open_host(config());
  Host client_host = open_host(config());
  Socket server = server_host.serve(kPort).value();
  std::thread program([&server] {
    while (const auto request = server.receive()) {
      const Clock::time_point until = Clock::now() + 150ms;
      while (Clock::now() < until) {  // it computes
      }
      static_cast<void>(server.reply(request->rpc(), request->bytes()).has_value());
    }
  });
  Socket client = client_host.client().value();
  ASSERT_TRUE(send_many(client, {server_host.address(), kPort}, kCalls, "request"));
  const Tally tally = receive_many(client, kCalls, 30s);
  EXPECT_EQ(tally.answered, kCalls) << tally.text();
  server.shutdown();
  program.join();
}

// Long requests whose last bytes wait for grants, and long responses, all at a slow server.
TEST(SlowHandlers, LongMessagesWaitAsPatiently) {
  Host server_host = open_host(config());
  Host client_host = open_host(config());
  DelayedServer server(server_host, kPort, 1s, 300'000);
  Socket client = client_host.client().value();
  ASSERT_TRUE(send_many(client, server.address(), 60, std::string(200'000, 'x')));
  const Tally tally = receive_many(client, 60, 10s);
  EXPECT_EQ(tally.answered, 60U) << tally.text();
}

}  // namespace
}  // namespace homa::life
