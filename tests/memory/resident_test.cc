// What a burst leaves behind: memory goes back to the system (docs/operating.md#memory).
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>

#include "endtoend/hosts.h"
#include "support/process_memory.h"
#include "support/sanitizers.h"

namespace homa::testing {
namespace {

using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;

constexpr std::uint16_t kPort = 4000;
constexpr std::size_t kRequests = 20;
constexpr std::size_t kLength = 900'000;

using test::resident_bytes;

// A process of its own, so that its memory does not count here: sends the requests to the UDP port
// that it reads from `ready`, and ends when that is closed.
[[noreturn]] void run_client(int ready) {
  std::uint16_t udp_port = 0;
  if (::read(ready, &udp_port, sizeof(udp_port)) != sizeof(udp_port)) ::_exit(1);
  {
    Host host = open_host(loopback_config());
    Socket socket = host.client().value();
    SocketAddress server{Address::v4(127, 0, 0, 1), kPort};
    server.host.udp_port = udp_port;
    const std::vector<std::byte> request = pattern(kLength, 1);
    for (std::size_t i = 0; i < kRequests; ++i) {
      if (!socket.send(server, request)) ::_exit(2);
    }
    static_cast<void>(::read(ready, &udp_port, 1));
  }
  ::_exit(0);
}

// The same for a server, which says its UDP port and ends when `done` is closed.
[[noreturn]] void run_server(int ready, int done) {
  {
    Host host = open_host(loopback_config());
    const EchoServer server(host, kPort);
    const std::uint16_t udp_port = host.address().udp_port;
    if (::write(ready, &udp_port, sizeof(udp_port)) != ssize_t{sizeof(udp_port)}) ::_exit(1);
    char end = 0;
    static_cast<void>(::read(done, &end, 1));
  }
  ::_exit(0);
}

// Waits until less than a fifth of what the burst needed is left; nobody calls the library
// meanwhile.
void expect_given_back(std::uint64_t before, std::uint64_t burst) {
  const std::uint64_t most = before + (burst - before) / 5;
  std::uint64_t after = resident_bytes();
  for (int i = 0; i < 300 && after > most; ++i) {
    std::this_thread::sleep_for(100ms);
    after = resident_bytes();
  }
  EXPECT_LE(after, most);
  std::cout << "resident bytes before, at and after the burst: " << before << ' ' << burst << ' '
            << after << '\n';
}

TEST(ResidentMemory, GoesBackToTheSystemAfterABurst) {
  if (test::kSanitizers) GTEST_SKIP() << "the sanitizer's own memory grows meanwhile";
  int ready[2];
  ASSERT_EQ(::pipe(ready), 0);
  const pid_t client = ::fork();
  ASSERT_GE(client, 0);
  if (client == 0) {
    ::close(ready[1]);
    run_client(ready[0]);
  }
  ::close(ready[0]);
  Host host = open_host(loopback_config());
  Socket server = host.serve(kPort).value();
  const std::uint64_t before = resident_bytes();
  const std::uint16_t udp_port = host.address().udp_port;
  ASSERT_EQ(::write(ready[1], &udp_port, sizeof(udp_port)), ssize_t{sizeof(udp_port)});
  std::vector<Message> requests;
  while (requests.size() < kRequests) {
    auto request = server.receive(60s);
    ASSERT_TRUE(request) << request.error().text << nonzero_counters(host);
    requests.push_back(std::move(request).value());
  }
  const std::uint64_t burst = resident_bytes();
  EXPECT_GE(burst, before + kRequests * kLength);
  requests.clear();
  expect_given_back(before, burst);
  ::close(ready[1]);
  int status = -1;
  ASSERT_EQ(::waitpid(client, &status, 0), client);
  EXPECT_EQ(status, 0);
}

// The other side: what was sent lay in transmit memory. The receiver is a process of its own.
TEST(ResidentMemory, OfWhatWasSentGoesBackToo) {
  if (test::kSanitizers) GTEST_SKIP() << "the sanitizer's own memory grows meanwhile";
  int ready[2], done[2];
  ASSERT_EQ(::pipe(ready), 0);
  ASSERT_EQ(::pipe(done), 0);
  const pid_t server = ::fork();
  ASSERT_GE(server, 0);
  if (server == 0) {
    ::close(done[1]);
    run_server(ready[1], done[0]);
  }
  ::close(done[0]);
  std::uint16_t udp_port = 0;
  ASSERT_EQ(::read(ready[0], &udp_port, sizeof(udp_port)), ssize_t{sizeof(udp_port)});
  Host host = open_host(loopback_config());
  Socket client = host.client().value();
  const SocketAddress to{Address::v4(127, 0, 0, 1, udp_port), kPort};
  const std::vector<std::byte> request = pattern(kLength, 1);
  ASSERT_TRUE(client.call(to, std::span(request).first(10), 60s));
  const std::uint64_t before = resident_bytes();
  std::vector<RpcHandle> rpcs;
  for (std::size_t i = 0; i < kRequests; ++i) rpcs.push_back(client.send(to, request).value());
  const std::uint64_t burst = resident_bytes();
  EXPECT_GE(burst, before + kRequests * kLength);
  for (const RpcHandle rpc : rpcs) ASSERT_TRUE(client.receive_response(rpc, 60s));
  expect_given_back(before, burst);
  ::close(done[1]);
  int status = -1;
  ASSERT_EQ(::waitpid(server, &status, 0), server);
  EXPECT_EQ(status, 0);
}

// Nobody receives them, and nobody will: their client gave up. With their memory in use, the other
// port would get 9 of its requests; alone it may have 16.
TEST(ReceiveMemory, OfRequestsWhoseClientGaveUpIsFreeAlthoughNobodyUsesTheirSocket) {
  constexpr std::size_t kAbandoned = 10, kWanted = 14;
  HostConfig config = loopback_config();
  config.receive_bytes = 8 << 20;
  config.parameters["buffer_wait_max"] = "60s";
  Host host = open_host(config);
  const Socket untouched = host.serve(kPort).value();
  Socket used = host.serve(kPort + 1).value();
  Host other = open_host(loopback_config());
  Socket client = other.client().value();
  const std::vector<std::byte> request = pattern(200'000, 1);
  std::vector<RpcHandle> rpcs;
  for (std::size_t i = 0; i < kAbandoned; ++i) {
    rpcs.push_back(client.send({host.address(), kPort}, request).value());
  }
  while (counter(host, "requests_received") < kAbandoned) std::this_thread::sleep_for(1ms);
  for (const RpcHandle rpc : rpcs) ASSERT_TRUE(client.abort(rpc, ErrorCode::kCancelled));
  for (std::size_t i = 0; i < kWanted; ++i) {
    ASSERT_TRUE(client.send({host.address(), kPort + 1}, request));
  }
  std::vector<Message> held;
  while (held.size() < kWanted) {
    auto received = used.receive(10s);
    ASSERT_TRUE(received) << held.size() << " came; " << received.error().text;
    held.push_back(std::move(received).value());
  }
}

}  // namespace
}  // namespace homa::testing
