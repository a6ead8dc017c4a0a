// Attackers that want all of a server's memory (docs/protocol.md#memory).
#include "hostile/hostile_test.h"

namespace homa::hostile {
namespace {

const std::vector<std::size_t> kMixed = {100, 20'000, 300'000, 1'000, 800'000};

// First packets, each of another message and from another address, of every size: 1 MB a second.
TEST_F(Hostile, SpoofedFirstPacketsTakeNoMemoryFromOthers) {
  Host server_host = stage_->open_server();
  const Server server(server_host);
  Host client_host = stage_->open_client();
  Client client(client_host, kMixed);
  const Scores before = beside(client, time_before());
  const Forger forger(*stage_->attacker);
  const Flood flood(1'000'000.0 / 1'456, [&](std::uint64_t n) {
    const std::uint32_t length = n % 8 == 7 ? 10'000 : 1'000'000;
    forger.send(
        behind_attacker(static_cast<std::uint32_t>(n + 1)), kServer,
        first_data(header(2 * n + 2, kForgedClientPort, kServerPort, kForgedIdentity), length));
  });
  std::this_thread::sleep_for(500ms);
  expect_unharmed("1 MB/s of spoofed first packets", before, beside_attack(client, before, 20s));
}

// 70 messages of 1 MB, of each a first packet. Copies of one byte of it keep them alive: 134 kB/s
// in all.
TEST_F(Hostile, HalfSentMessagesThatAreKeptAliveStarveNobody) {
  Host server_host = stage_->open_server();
  const Server server(server_host);
  Host client_host = stage_->open_client();
  Client client(client_host, kMixed);
  const Scores before = beside(client, time_before());
  const UdpSocket attacker(*stage_->attacker, kAttacker);
  const auto send = [&](std::uint64_t n, std::uint32_t bytes) {
    attacker.send(kServer, first_data(header(2 * (n % 70) + 2, kForgedClientPort, kServerPort,
                                             kForgedIdentity),
                                      1'000'000, bytes));
  };
  for (std::uint64_t n = 0; n < 70; ++n) send(n, 1'400);
  const Flood flood(1'340, [&](std::uint64_t n) { send(n, 1); });
  expect_unharmed("70 half-sent messages kept alive", before, beside_attack(client, before, 20s));
}

// Requests whose responses nobody acknowledges: the server keeps each until it gives up asking.
TEST_F(Hostile, UnacknowledgedResponsesTakeNoRoomFromOthers) {
  Host server_host = stage_->open_server();
  const Server server(server_host);
  Host client_host = stage_->open_client();
  Client client(client_host);
  const Scores before = beside(client, time_before());
  const UdpSocket attacker(*stage_->attacker, kAttacker);
  const Flood flood(pace(16'000, before), [&](std::uint64_t n) {
    attacker.send(kServer, small_request(2 * n + 2, kForgedIdentity));
  });
  std::this_thread::sleep_for(1200ms);  // until as many RPCs are in progress as may be
  expect_unharmed("unacknowledged responses, 16 kpps", before, beside_attack(client, before));
}

}  // namespace
}  // namespace homa::hostile
