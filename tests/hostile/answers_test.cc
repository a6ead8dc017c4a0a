// Forged packets to a client: answers of a server that another host makes up, and ICMP errors.
#include "hostile/hostile_test.h"

namespace homa::hostile {
namespace {

// The attacker's server is called once. From the id that it sees it guesses the next ones, and
// answers in the name of the other server before that one does.
TEST_F(Hostile, AServerThatWasCalledCannotAnswerForAnother) {
  Host server_host = stage_->open_server();
  Server::Options slow;
  slow.delay = 30ms;
  const Server server(server_host, slow);
  Host client_host = stage_->open_client();

  const UdpSocket evil(*stage_->attacker, kAttacker);
  auto socket = client_host.client();
  ASSERT_TRUE(socket);
  const std::vector<std::byte> request(100);
  ASSERT_TRUE(socket->send({kAttacker, kServerPort}, request));
  std::thread engine([&] { static_cast<void>(socket->receive(200ms).has_value()); });
  const auto seen = evil.receive(2'000);
  engine.join();
  ASSERT_TRUE(seen);
  const auto parsed = wire::parse_data(seen->packet);
  ASSERT_TRUE(parsed) << "the client's first packet is not DATA";
  const wire::CommonHeader common = parsed->common;

  // Ids carry their sequence above 21 bits of slot and side; the slots of a client that makes one
  // call at a time are the first ones.
  const std::size_t calls = test::long_tests() ? 300 : 20;
  Score score;
  const Forger forger(*stage_->attacker);
  const std::uint64_t first = raw(common.sender_id);
  const Flood flood(20'000, [&](std::uint64_t n) {
    const std::uint64_t guess = first + ((n % (calls + 10)) << 21) + (n / (calls + 10) % 2) * 2;
    const Bytes packet =
        first_data(header(guess | 1, kServerPort, raw(common.source_port), 0), 100);
    forger.send(kServer, seen->from, packet);
  });
  std::size_t forged = 0;
  for (std::size_t i = 0; i < calls; ++i) {
    std::vector<std::byte> mine(100, std::byte{static_cast<unsigned char>(i)});
    const auto response = socket->call({kServer, kServerPort}, mine, 3s);
    if (!response) {
      ++score.failed[std::string(to_string(response.error().code))];
    } else if (!std::equal(mine.begin(), mine.end(), response->bytes().begin(),
                           response->bytes().end())) {
      ++forged;
    } else {
      ++score.answered;
    }
  }
  std::printf("%-40s %zu of %zu answers accepted, %zu calls failed\n", "forged answers", forged,
              calls, score.failures());
  EXPECT_EQ(forged, 0U);
  EXPECT_EQ(score.failures(), 0U);
}

// Eight threads with calls that take 20 ms, so that there is always an RPC to be killed.
Scores call_together(Host& host, std::chrono::milliseconds time) {
  Scores scores;
  Score& sum = scores.mine;
  std::mutex mutex;
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      Client client(host);
      const Score score = client.call_for(time);
      const std::lock_guard lock(mutex);
      sum.answered += score.answered;
      for (const auto& [error, count] : score.failed) sum.failed[error] += count;
      sum.time = std::max(sum.time, score.time);
    });
  }
  for (std::thread& thread : threads) thread.join();
  return scores;
}

// An ICMP error of 56 bytes quotes nothing but addresses and UDP ports, which anybody knows.
TEST_F(Hostile, AnIcmpErrorThatProvesNothingEndsNoRpc) {
  Host server_host = stage_->open_server();
  Server::Options slow;
  slow.delay = 20ms;
  slow.threads = 8;
  const Server server(server_host, slow);
  Host client_host = stage_->open_client();
  const Scores before = call_together(client_host, time_before());
  const Forger forger(*stage_->attacker);
  const Flood flood(100, [&](std::uint64_t n) {
    const std::uint8_t code = n % 4 < 2 ? 3 : 2;  // port, protocol unreachable
    if (n % 2 == 0) {
      forger.unreachable(kAttacker, kClient, kServer, code);
    } else {
      forger.unreachable(kAttacker, kServer, kClient, code);
    }
  });
  expect_unharmed("ICMP errors of 56 bytes", before, call_together(client_host, time_during()));
}

// A port of the engine that belonged to another engine a moment ago, about which errors still come.
TEST_F(Hostile, AnIcmpErrorForAFormerEngineEndsNoFirstCall) {
  Host server_host = stage_->open_server();
  Server::Options slow;
  slow.delay = 5ms;
  const Server server(server_host, slow);
  const Forger forger(*stage_->attacker);
  const Flood flood(2'000,
                    [&](std::uint64_t) { forger.unreachable(kServer, kClient, kServer, 3); });
  Score score;
  for (int i = 0; i < 20; ++i) {
    Host client_host = stage_->open_client();
    Client client(client_host);
    client.call(score);
  }
  std::printf("%-40s first calls of 20 clients: %zu answered, %zu failed\n",
              "ICMP errors for a former engine", score.answered, score.failures());
  EXPECT_EQ(score.failures(), 0U) << score.text();
}

}  // namespace
}  // namespace homa::hostile
