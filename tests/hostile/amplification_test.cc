// How many bytes a server returns to an address that has proved nothing, for each byte that it got
// in that address's name (docs/security.md).
#include "hostile/hostile_test.h"

namespace homa::hostile {
namespace {

constexpr double kFactorMax = 3.0;

class Amplification : public Hostile {
 protected:
  // `more(n)`: what follows the request, `count` packets at 100 a second.
  double factor(const std::string& attack, std::uint64_t count = 0,
                const std::function<Bytes(std::uint64_t)>& more = nullptr) {
    Host server_host = stage_->open_server();
    Server::Options long_answers;
    long_answers.response_length = 1'000'000;
    const Server server(server_host, long_answers);
    const Address victim = behind_attacker(9);
    const Forger forger(*stage_->attacker);
    const Stage::Bytes start = stage_->attacker_bytes();
    forger.send(victim, kServer, small_request(kId, 77));
    const Flood flood(
        100, [&](std::uint64_t n) { forger.send(victim, kServer, more(n)); }, count);
    std::this_thread::sleep_for(time_during());
    const Stage::Bytes end = stage_->attacker_bytes();
    const auto sent = static_cast<double>(end.sent - start.sent);
    const auto received = static_cast<double>(end.received - start.received);
    std::printf("%-40s %.0f bytes for %.0f: %.1f times\n", attack.c_str(), received, sent,
                received / sent);
    return received / sent;
  }
  static constexpr std::uint64_t kId = 0x1234'5678;
};

TEST_F(Amplification, OfASmallRequestForALongAnswer) {
  HOMA_NOT_DEFENDED();
  EXPECT_LE(factor("amplification: request"), kFactorMax);
}

TEST_F(Amplification, OfForgedGrants) {
  HOMA_NOT_DEFENDED();
  const auto grant = [](std::uint64_t) {
    wire::GrantHeader packet;
    packet.common = header(kId, kForgedClientPort, kServerPort, 77);
    packet.offset = 1'000'000;
    return encoded(packet);
  };
  EXPECT_LE(factor("amplification: forged grants", 3, grant), kFactorMax);
}

TEST_F(Amplification, OfForgedResends) {
  HOMA_NOT_DEFENDED();
  const auto resend = [](std::uint64_t) {
    wire::ResendHeader packet;
    packet.common = header(kId, kForgedClientPort, kServerPort, 77);
    packet.length = 1'000'000;
    return encoded(packet);
  };
  EXPECT_LE(factor("amplification: forged resends", test::long_tests() ? 1'000 : 50, resend),
            kFactorMax);
}

}  // namespace
}  // namespace homa::hostile
