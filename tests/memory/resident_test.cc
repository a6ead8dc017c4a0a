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
  // Nobody calls the library meanwhile.
  std::uint64_t after = resident_bytes();
  for (int i = 0; i < 300 && after > before + (burst - before) / 5; ++i) {
    std::this_thread::sleep_for(100ms);
    after = resident_bytes();
  }
  EXPECT_LE(after, before + (burst - before) / 5);
  std::cout << "resident bytes before, at and after the burst: " << before << ' ' << burst << ' '
            << after << '\n';
  ::close(ready[1]);
  int status = -1;
  ASSERT_EQ(::waitpid(client, &status, 0), client);
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace homa::testing
