// How many bytes a server returns to an address that has proved nothing, for each byte that it got
// in that address's name (docs/security.md).
#include "hostile/hostile_test.h"

namespace homa::hostile {
namespace {

constexpr double kFactorMax = 3.0;

// Many addresses, so that what the network says by itself does not count.
constexpr std::uint64_t kVictims = 200;
constexpr std::uint64_t kFirstId = 0x1234'5678;

class Amplification : public Hostile {
 protected:
  // `more(id)`: what follows each request, `count` times.
  double factor(const std::string& attack, std::uint64_t count = 0,
                const std::function<Bytes(std::uint64_t)>& more = nullptr) {
    Host server_host = stage_->open_server();
    Server::Options long_answers;
    long_answers.response_length = 1'000'000;
    const Server server(server_host, long_answers);
    const Forger forger(*stage_->attacker);
    const auto victim = [](std::uint64_t n) {
      return behind_attacker(static_cast<std::uint32_t>(1 + n % kVictims));
    };
    const auto id = [](std::uint64_t n) { return kFirstId + 2 * (n % kVictims); };
    const Stage::Bytes start = stage_->attacker_bytes();
    Flood requests(
        2'000,
        [&](std::uint64_t n) {
          forger.send(victim(n), kServer, small_request(id(n), kForgedIdentity));
        },
        kVictims);
    requests.finish(10s);
    const Flood flood(
        5'000, [&](std::uint64_t n) { forger.send(victim(n), kServer, more(id(n))); },
        count * kVictims);
    std::this_thread::sleep_for(time_during());
    const Stage::Bytes end = stage_->attacker_bytes();
    const auto sent = static_cast<double>(end.sent - start.sent);
    const auto received = static_cast<double>(end.received - start.received);
    std::printf("%-40s %.0f bytes for %.0f: %.1f times\n", attack.c_str(), received, sent,
                received / sent);
    return received / sent;
  }
};

TEST_F(Amplification, OfASmallRequestForALongAnswer) {
  EXPECT_LE(factor("amplification: request"), kFactorMax);
}

TEST_F(Amplification, OfForgedGrants) {
  const auto grant = [](std::uint64_t id) {
    wire::GrantHeader packet;
    packet.common = header(id, kForgedClientPort, kServerPort, kForgedIdentity);
    packet.offset = 1'000'000;
    return encoded(packet);
  };
  EXPECT_LE(factor("amplification: forged grants", 3, grant), kFactorMax);
}

TEST_F(Amplification, OfForgedResends) {
  const auto resend = [](std::uint64_t id) {
    wire::ResendHeader packet;
    packet.common = header(id, kForgedClientPort, kServerPort, kForgedIdentity);
    packet.length = 1'000'000;
    return encoded(packet);
  };
  EXPECT_LE(factor("amplification: forged resends", test::long_tests() ? 100 : 20, resend),
            kFactorMax);
}

}  // namespace
}  // namespace homa::hostile
