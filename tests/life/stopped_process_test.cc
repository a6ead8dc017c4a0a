// A client that is stopped for a while (a debugger, a paused virtual machine) gets all that was
// sent to it meanwhile (docs/protocol.md#acks).
#include "life.h"

namespace homa::life {
namespace {

using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;
using testing::open_host;

constexpr std::uint16_t kPort = 4000;

struct Case {
  const char* name;
  std::size_t calls;
  std::size_t response_length;
};

class StoppedClient : public ::testing::TestWithParam<Case> {};

INSTANTIATE_TEST_SUITE_P(Responses, StoppedClient,
                         ::testing::Values(Case{"short", 5'000, 1'000}, Case{"long", 60, 500'000}),
                         [](const auto& parameter) { return parameter.param.name; });

TEST_P(StoppedClient, GetsEveryResponse) {
  const auto [name, calls, response_length] = GetParam();
  Process process([&, calls = calls](Process& self) {
    const auto udp_port = static_cast<std::uint16_t>(self.hear());
    Host host = open_host(config());
    Socket client = host.client().value();
    const SocketAddress server{Address::v4(127, 0, 0, 1, udp_port), kPort};
    if (!send_many(client, server, calls, "request")) return;
    self.tell(calls);
    const Tally tally = receive_many(client, calls, 10s);
    self.tell(tally.answered);
    self.hear();
  });
  Host host = open_host(config());
  DelayedServer server(host, kPort, 300ms, response_length);
  process.tell(server.address().host.udp_port);
  ASSERT_EQ(process.hear(), calls);
  while (server.requests() < calls) std::this_thread::sleep_for(1ms);
  process.signal(SIGSTOP);
  std::this_thread::sleep_for(2s);
  process.signal(SIGCONT);
  EXPECT_EQ(process.hear(), calls) << testing::nonzero_counters(host);
  process.tell(0);
}

}  // namespace
}  // namespace homa::life
