// Attackers that fill the server's tables, or make them slow.
#include "hostile/hostile_test.h"

namespace homa::hostile {
namespace {

// Clients that come anew, each with an engine and a UDP port of its own.
Score new_clients(const Stage& stage, int count) {
  Score score;
  HostConfig config;
  config.udp_port = 0;
  for (int i = 0; i < count; ++i) {
    Host host = stage.open_client(config);
    Client client(host);
    const auto start = std::chrono::steady_clock::now();
    client.call(score, 2s);
    score.time += std::chrono::steady_clock::now() - start;
  }
  return score;
}

// 21,000 requests of one byte, each from another UDP port of one address.
TEST_F(Hostile, ManyPortsOfOneAddressKeepNoNewClientOut) {
  Host server_host = stage_->open_server();
  const Server server(server_host);
  Host client_host = stage_->open_client();
  Client client(client_host);
  const Scores before = beside(client, time_before());
  const Score new_before = new_clients(*stage_, 10);
  const Forger forger(*stage_->attacker);
  Flood flood(
      pace(7'000, before),
      [&](std::uint64_t n) {
        forger.send(behind_attacker(1, static_cast<std::uint16_t>(10'000 + n)), kServer,
                    small_request(2 * n + 2, kForgedIdentity));
      },
      21'000);
  const Scores during = beside_attack(client, before);
  flood.stop();
  const Score new_after = new_clients(*stage_, 10);
  expect_unharmed("21,000 ports of one address", before, during);
  std::printf("%-40s new clients before: %zu of 10 answered; after: %zu of 10\n", "",
              new_before.answered, new_after.answered);
  EXPECT_EQ(new_before.failures(), 0U) << new_before.text();
  EXPECT_EQ(new_after.failures(), 0U) << new_after.text();
}

// Ids that differ only above the bits that a table's index has. Each response is acknowledged with
// the next request, so only what the server remembers of them grows.
TEST_F(Hostile, ChosenIdsMakeNoTableSlow) {
  Host server_host = stage_->open_server();
  const Server server(server_host);
  Host client_host = stage_->open_client();
  Client client(client_host);
  const Scores before = beside(client, time_before());
  const UdpSocket attacker(*stage_->attacker, kAttacker);
  const auto id = [](std::uint64_t n) { return (n << (21 + 17)) + 2; };
  Flood flood(
      pace(20'000, before),
      [&](std::uint64_t n) {
        wire::DataHeader data;
        data.common = header(id(n), kForgedClientPort, kServerPort, kForgedIdentity);
        data.message_length = data.incoming = 1;
        if (n >= 100) data.ack = {WireId{id(n - 100)}, Port{kServerPort}};
        Bytes packet = encoded(data);
        packet.push_back(std::byte{1});
        attacker.send(kServer, packet);
      },
      test::long_tests() ? 65'000 : 30'000);
  flood.finish(test::long_tests() ? 20s : 3s);
  const std::uint64_t known = flood.sent();
  // What it sends now is looked up among all that went before.
  const Flood more(2'000, [&](std::uint64_t n) {
    attacker.send(kServer, small_request(id(known + n), kForgedIdentity));
  });
  expect_unharmed("chosen ids", before, beside_attack(client, before));
}

}  // namespace
}  // namespace homa::hostile
