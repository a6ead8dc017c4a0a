// Packets that claim a restart, or ids, of the well-behaved client. They come from its address,
// sent by a host that sees nothing of the client's packets.
#include "base/hash.h"
#include "hostile/hostile_test.h"

namespace homa::hostile {
namespace {

// The shortest packet that names an engine: 28 bytes.
Bytes sign_of_life(std::uint64_t id, std::uint64_t identity) {
  wire::BusyHeader busy;
  busy.common = header(id, kForgedClientPort, kServerPort, identity);
  return encoded(busy);
}

TEST_F(Hostile, OneForgedRestartPacketChangesNothing) {
  Host server_host = stage_->open_server();
  const Server server(server_host);
  Host client_host = stage_->open_client();
  Client client(client_host);
  const Scores before = beside(client, time_before());
  Forger(*stage_->attacker).send(kClient, kServer, sign_of_life(2, kForgedIdentity));
  const Scores after = beside_attack(client, before);
  expect_unharmed("one forged restart packet", before, after);
}

// A restart must not cost a walk over all RPCs either: thousands wait at the server.
TEST_F(Hostile, ChangingIdentitiesCostNobodyHisCalls) {
  Host server_host = stage_->open_server();
  const Server server(server_host);
  auto idle = server_host.serve(kServerPort + 1);  // nobody receives
  ASSERT_TRUE(idle);
  HostConfig config;
  config.udp_port = 0;
  Host waiting_host = stage_->open_client(config);
  auto waiting = waiting_host.client();
  ASSERT_TRUE(waiting);
  for (int i = 0; i < 8'000; ++i) {
    ASSERT_TRUE(waiting->send({kServer, kServerPort + 1}, std::vector<std::byte>(10)));
  }
  Host client_host = stage_->open_client();
  Client client(client_host);
  const Forger forger(*stage_->attacker);
  const Scores before = beside(client, time_before());
  const Flood flood(pace(20'000, before), [&](std::uint64_t n) {
    forger.send(kClient, kServer, sign_of_life(2 * n + 2, base::mix(n, kForgedIdentity)));
  });
  expect_unharmed("changing identities, 20 kpps", before, beside_attack(client, before));
}

// Where a server believed each restart, the second of a pair would make the client's own identity,
// which is neither the last nor the one before, look new.
TEST_F(Hostile, ForgedPairsMakeNothingRunTwice) {
  Host server_host = stage_->open_server();
  Host client_host = stage_->open_client();
  Server::Options slow;
  slow.delay = 30ms;
  slow.threads = 4;
  const Server server(server_host, slow);
  Client client(client_host);
  const Forger forger(*stage_->attacker);
  const Scores before = beside(client, time_before());
  const std::uint64_t first = client.last_serial() + 1;
  Scores during;
  {
    const Flood flood(200, [&](std::uint64_t n) {
      forger.send(kClient, kServer, sign_of_life(2, base::mix(n, kForgedIdentity)));
    });
    during = beside_attack(client, before);
  }
  std::this_thread::sleep_for(200ms);
  std::size_t twice = 0;
  for (std::uint64_t serial = first; serial <= client.last_serial(); ++serial) {
    if (server.executions(serial) > 1) ++twice;
  }
  std::printf("%-40s %zu of %zu requests executed twice\n", "forged pairs", twice,
              static_cast<std::size_t>(client.last_serial() - first + 1));
  EXPECT_EQ(twice, 0U);
  expect_unharmed("forged pairs", before, during);
}

// The server forgets the ids that it finished after a while, and remembers the highest of those. A
// forged one must not make the client's next ids old.
TEST_F(Hostile, OneHugeIdMakesNoHonestRequestStale) {
  HostConfig config;
  config.parameters["finished_ids_max"] = "100";
  Host server_host = stage_->open_server(config);
  const Server server(server_host);
  Host client_host = stage_->open_client();
  Client client(client_host);
  const Scores before = beside(client, time_before());
  const Forger forger(*stage_->attacker);
  forger.send(kClient, kServer, small_request(0xffff'ffff'ffff'fff0));
  expect_unharmed("one request with a huge id", before, beside_attack(client, before));
}

}  // namespace
}  // namespace homa::hostile
