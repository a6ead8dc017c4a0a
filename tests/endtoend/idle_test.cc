// Sockets that are open and do nothing: they take little memory, no descriptor and no time.
#include <dirent.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <thread>
#include <vector>

#include "hosts.h"
#include "support/process_memory.h"
#include "support/sanitizers.h"

namespace homa::testing {
namespace {

using test::kSanitizers;
using test::resident_bytes;

std::size_t open_descriptors() {
  std::size_t count = 0;
  DIR* const folder = ::opendir("/proc/self/fd");
  while (::readdir(folder) != nullptr) ++count;
  ::closedir(folder);
  return count;
}

std::vector<Socket> idle_sockets(Host& host, std::size_t count) {
  std::vector<Socket> sockets;
  for (std::size_t i = 0; i < count; ++i) {
    auto socket = host.client();
    EXPECT_TRUE(socket) << socket.error().text;
    if (!socket) break;
    sockets.push_back(std::move(*socket));
  }
  return sockets;
}

TEST(IdleSockets, ASocketTakesLittleMemoryAndNoDescriptor) {
  Host host = open_host(loopback_config());
  const auto first = idle_sockets(host, 10);  // what the first ones take is the host's
  constexpr std::size_t kSockets = 1'000;
  const std::uint64_t memory = resident_bytes();
  const std::size_t descriptors = open_descriptors();
  const auto sockets = idle_sockets(host, kSockets);
  EXPECT_EQ(open_descriptors(), descriptors);
  if (!kSanitizers) {
    EXPECT_LT((resident_bytes() - memory) / kSockets, 16U << 10);
  }
}

// 2,000 idle sockets once made a call 18 times slower.
TEST(IdleSockets, SocketsDoNotSlowACall) {
  Host server_host = open_host(loopback_config());
  Host client_host = open_host(loopback_config());
  auto server = server_host.serve(1).value();
  auto client = client_host.client().value();
  std::thread serving([&] {
    while (const auto request = server.receive()) {
      ASSERT_TRUE(server.reply(request->rpc(), request->bytes()));
    }
  });
  const SocketAddress to{server_host.address(), 1};
  const auto fastest_call = [&] {
    auto fastest = std::chrono::nanoseconds::max();
    for (int i = 0; i < 300; ++i) {
      const auto start = std::chrono::steady_clock::now();
      EXPECT_TRUE(client.call(to, bytes_of("ping")));
      fastest =
          std::min<std::chrono::nanoseconds>(fastest, std::chrono::steady_clock::now() - start);
    }
    return fastest;
  };
  const auto alone = fastest_call();
  const auto at_client = idle_sockets(client_host, 2'000);
  const auto at_server = idle_sockets(server_host, 2'000);
  // A machine that is busy elsewhere makes every call of one round slow, whatever is idle here.
  auto beside_idle_sockets = fastest_call();
  for (int round = 0; round < 100 && beside_idle_sockets >= 4 * alone; ++round) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    beside_idle_sockets = std::min(beside_idle_sockets, fastest_call());
  }
  server.shutdown();
  serving.join();
  EXPECT_LT(beside_idle_sockets, 4 * alone);
}

}  // namespace
}  // namespace homa::testing
