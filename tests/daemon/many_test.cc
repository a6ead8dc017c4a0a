// Two hundred programs at one homad.
#include <sys/mman.h>

#include <atomic>
#include <iostream>

#include "daemon/neighbours.h"
#include "support/sanitizers.h"

namespace homa::testing {
namespace {

constexpr int kPrograms = test::kSanitizers ? 40 : 200;

struct Counts {
  std::atomic<bool> counting{false};
  std::array<std::atomic<std::uint64_t>, kPrograms> calls{};
};

// Half of them are idle. The others make short calls, and each gets its share.
TEST(Many, BusyProgramsAreServedFairly) {
  const Homad homad;
  HostConfig config = homad.client_config();
  config.receive_bytes = 1 << 20;
  config.transmit_bytes = 1 << 20;
  void* const memory =
      ::mmap(nullptr, sizeof(Counts), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  Counts& counts = *new (memory) Counts;
  const Flag ready, over;
  std::vector<Child> programs;
  programs.emplace_back([&] {
    Host host = open_host(config);
    Socket server = host.serve(Neighbours::kPort).value();
    ready.raise();
    while (const auto request = server.receive()) {
      static_cast<void>(server.reply(request->rpc(), request->bytes()).has_value());
    }
    return 1;
  });
  ASSERT_TRUE(ready.wait());
  for (int i = 0; i < kPrograms; ++i) {
    programs.emplace_back([&, i] {
      auto host = Host::open(config);
      if (!host) return 2;
      auto socket = host->client();
      if (!socket) return 3;
      ready.raise();
      if (i % 2 == 0) return over.wait() ? 0 : 4;
      for (;;) {
        const auto response =
            socket->call({host->address(), Neighbours::kPort}, bytes_of("short"), 30s);
        if (!response) return 5;
        if (counts.counting) ++counts.calls[static_cast<std::size_t>(i)];
        std::this_thread::sleep_for(5ms);
      }
    });
  }
  for (int i = 0; i < kPrograms; ++i) ASSERT_TRUE(ready.wait()) << homad.log();
  counts.counting = true;
  std::this_thread::sleep_for(3s);
  counts.counting = false;
  std::uint64_t all = 0, least = ~std::uint64_t{0}, most = 0;
  for (std::size_t i = 1; i < kPrograms; i += 2) {
    const std::uint64_t calls = counts.calls[i];
    all += calls;
    least = std::min(least, calls);
    most = std::max(most, calls);
  }
  const std::uint64_t mean = all / (kPrograms / 2);
  std::cout << "  calls of each in 3 s: " << least << " to " << most << ", " << mean
            << " on average\n";
  EXPECT_GT(least, mean / 3) << "some program is starved";
  EXPECT_LT(most, 3 * mean);
  EXPECT_GT(mean, 20U);
  programs.clear();
  ::munmap(memory, sizeof(Counts));
}

}  // namespace
}  // namespace homa::testing
