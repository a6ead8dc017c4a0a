// A request is known by who sent it and by its id, not by where it seems to come from
// (docs/protocol.md#at-most-once).
#include <poll.h>

#include <atomic>

#include "hostile/hostile_test.h"

namespace homa::hostile {
namespace {

// What a translator of addresses does: it forwards a client's packets from a port of its own, and
// the answers back. change_port() takes another port.
class Relay {
 public:
  explicit Relay(const Namespace& where) : where_(where), inner_(where, kAttacker) {
    change_port();
    thread_ = std::thread([this] { run(); });
  }
  ~Relay() {
    stopped_.store(true);
    thread_.join();
  }
  Relay(const Relay&) = delete;
  Relay& operator=(const Relay&) = delete;

  void change_port() {
    Address any_port = kAttacker;
    any_port.udp_port = 0;
    const std::lock_guard lock(mutex_);
    outer_ = std::make_unique<UdpSocket>(where_, any_port);
  }

 private:
  void run() {
    while (!stopped_.load()) {
      const std::lock_guard lock(mutex_);
      pollfd ready[] = {{inner_.descriptor(), POLLIN, 0}, {outer_->descriptor(), POLLIN, 0}};
      ::poll(ready, 2, 1);
      while (const auto packet = inner_.receive(0)) {
        client_ = packet->from;
        outer_->send(kServer, packet->packet);
      }
      while (const auto packet = outer_->receive(0)) inner_.send(client_, packet->packet);
    }
  }

  const Namespace& where_;
  std::atomic<bool> stopped_{false};
  std::mutex mutex_;
  UdpSocket inner_;
  std::unique_ptr<UdpSocket> outer_;
  Address client_{};
  std::thread thread_;
};

// Unlucky rather than hostile: the translator forgets its entry while the server works.
TEST_F(Hostile, ARelayThatChangesItsPortMakesNothingRunTwice) {
  Host server_host = stage_->open_server();
  Host client_host = stage_->open_client();
  Server::Options slow;
  slow.delay = 300ms;
  const Server server(server_host, slow);
  Relay relay(*stage_->attacker);
  Client client(client_host, {100}, kAttacker);
  Score score;
  std::size_t twice = 0;
  const int calls = test::long_tests() ? 6 : 2;
  for (int i = 0; i < calls; ++i) {
    std::thread change([&] {
      std::this_thread::sleep_for(100ms);
      relay.change_port();
    });
    client.call(score);
    change.join();
    std::this_thread::sleep_for(400ms);  // a second execution would begin by now
    const std::size_t executed = server.executions(client.last_serial());
    EXPECT_GE(executed, 1U);
    if (executed > 1) ++twice;
  }
  std::printf("%-40s %zu of %d calls answered, %zu executed twice\n", "relay changes its port",
              score.answered, calls, twice);
  EXPECT_EQ(twice, 0U);
  EXPECT_EQ(score.failures(), 0U) << score.text();
}

// An address moves to another host, whose engine is another, and back.
TEST_F(Hostile, AnAddressThatMovesAndReturnsIsServedAtOnce) {
  Host server_host = stage_->open_server();
  const Server server(server_host);
  Host client_host = stage_->open_client();
  Client client(client_host);
  const Scores before = beside(client, time_before());

  ASSERT_TRUE(stage_->move_client_address(true));
  Score at_the_visitor;
  {
    Host visitor_host = Stage::open_in(*stage_->visitor, kClient, {});
    Client visitor(visitor_host);
    at_the_visitor = visitor.call_for(200ms);
  }
  ASSERT_TRUE(stage_->move_client_address(false));
  const Scores after = beside_attack(client, before);
  EXPECT_EQ(at_the_visitor.failures(), 0U) << at_the_visitor.text();
  expect_unharmed("address moves to a host and back", before, after);
}

}  // namespace
}  // namespace homa::hostile
