// Waiting costs next to nothing, and a host that is gone is noticed by one exchange for all
// (docs/protocol.md#waiting).
#include <ctime>

#include "life.h"
#include "support/sanitizers.h"

namespace homa::life {
namespace {

using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;
using testing::counter;
using testing::nonzero_counters;
using testing::open_host;

constexpr std::uint16_t kPort = 4000;

std::uint64_t processor_nanoseconds() {
  timespec used{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
  return static_cast<std::uint64_t>(used.tv_sec) * 1'000'000'000 +
         static_cast<std::uint64_t>(used.tv_nsec);
}

// Keeps all requests until it is told to answer them; tells the processor time that it used between
// two questions.
void hold_requests(Process& self, std::size_t count) {
  Host host = open_host(config());
  Socket socket = host.serve(kPort).value();
  self.tell(host.address().udp_port);
  std::vector<RpcHandle> held;
  while (held.size() < count) {
    const auto request = socket.receive();
    if (!request) return;
    held.push_back(request->rpc());
  }
  self.tell(held.size());
  self.hear();
  const std::uint64_t before = processor_nanoseconds();
  self.hear();
  self.tell(processor_nanoseconds() - before);
  for (const RpcHandle rpc : held) {
    if (!socket.reply(rpc, testing::bytes_of("done"))) return;
  }
  self.hear();
}

std::uint64_t packets(const Host& host) {
  return counter(host, "packets_sent") + counter(host, "packets_received");
}

class HeldCalls : public ::testing::TestWithParam<std::size_t> {};

INSTANTIATE_TEST_SUITE_P(Calls, HeldCalls, ::testing::Values(1U, 1'000U, 10'000U));

// The bound for hosts of ours: one packet in a second for each RPC, a tenth of one where there are
// many, each way counted.
TEST_P(HeldCalls, AreAllAnsweredAndCostNextToNothing) {
  const std::size_t count = GetParam();
  const auto hold = test::long_tests() ? 60s : 1s;
  Process server([&](Process& self) { hold_requests(self, count); });
  const auto udp_port = static_cast<std::uint16_t>(server.hear());
  const SocketAddress address{Address::v4(127, 0, 0, 1, udp_port), kPort};
  Host host = open_host(config());
  Socket client = host.client().value();
  ASSERT_TRUE(send_many(client, address, count, "request"));
  ASSERT_EQ(server.hear(), count);

  std::this_thread::sleep_for(3s);  // by then, intervals have grown
  server.tell(0);
  const std::uint64_t before = packets(host);
  const auto began = Clock::now();
  std::this_thread::sleep_for(hold);
  const double seconds = std::chrono::duration<double>(Clock::now() - began).count();
  const double rate = static_cast<double>(packets(host) - before) / seconds;
  server.tell(0);
  const double used = static_cast<double>(server.hear()) / 1e9 / seconds;
  const Tally tally = receive_many(client, count, 10s);
  server.tell(0);

  EXPECT_EQ(tally.answered, count) << tally.text() << nonzero_counters(host);
  const double most = count < 400 ? 1.0 : 0.1;
  // One exchange may fall just within the time.
  EXPECT_LE(rate, most * static_cast<double>(count) + 2 / seconds) << nonzero_counters(host);
  // A sanitizer makes every instruction dearer.
  EXPECT_LT(used, test::kSanitizers ? 0.2 : 0.05)
      << "of a processor, while the server holds " << count << " requests";
  RecordProperty("packets_per_second_and_rpc", std::to_string(rate / static_cast<double>(count)));
  RecordProperty("server_processor_share", std::to_string(used));
}

// A process that is stopped does what a host without power does: nothing.
TEST(SilentHost, IsNoticedForAllItsCallsByOneExchange) {
  constexpr std::size_t kCalls = 1'000;
  Process server([&](Process& self) { hold_requests(self, kCalls); });
  const auto udp_port = static_cast<std::uint16_t>(server.hear());
  const SocketAddress address{Address::v4(127, 0, 0, 1, udp_port), kPort};
  Host host = open_host(config());
  Socket client = host.client().value();
  ASSERT_TRUE(send_many(client, address, kCalls, "request"));
  ASSERT_EQ(server.hear(), kCalls);
  std::this_thread::sleep_for(1s);

  const std::uint64_t before = packets(host);
  const auto stopped = Clock::now();
  server.signal(SIGSTOP);
  const Tally tally = receive_many(client, kCalls, 5s);
  const auto noticed = Clock::now() - stopped;
  EXPECT_EQ(tally.answered, 0U);
  EXPECT_EQ(tally.failed.size(), 1U) << tally.text();
  // The timeout after one question at the latest; no more than that on a machine with time.
  EXPECT_LT(noticed, 1s);
  EXPECT_LT(packets(host) - before, kCalls + 200) << "the last ones say that the RPCs ended";
  server.signal(SIGCONT);
}

}  // namespace
}  // namespace homa::life
