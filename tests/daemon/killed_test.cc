// Programs that are killed at any point: while they copy a message in, while they receive one, with
// their wake word or descriptor armed, while they attach. Others lose nothing, and homad is as it
// was.
#include <poll.h>
#include <sys/prctl.h>

#include "daemon/neighbours.h"
#include "support/long_tests.h"
#include "support/random.h"
#include "support/sanitizers.h"

namespace homa::testing {
namespace {

using Work = void (*)(const HostConfig&, const Flag&);

// What they are killed in. Each raises its flag when it begins, and goes on for ever.
void copy_in(const HostConfig& config, const Flag& begun) {
  auto host = Host::open(config);
  auto socket = host->client();
  const std::vector<std::byte> request = pattern(900'000, 1);
  begun.raise();
  for (;;) {
    static_cast<void>(socket->send({host->address(), Neighbours::kPort}, request).has_value());
    while (socket->receive(0ms)) {
    }
  }
}

void receive(const HostConfig& config, const Flag& begun) {
  auto host = Host::open(config);
  auto socket = host->client();
  const std::vector<std::byte> request = pattern(300'000, 2);
  begun.raise();
  std::vector<Message> kept;
  for (;;) {
    auto response = socket->call({host->address(), Neighbours::kPort}, request, 10s);
    if (response && kept.size() < 4) kept.push_back(std::move(response).value());
  }
}

void sleep_armed(const HostConfig& config, const Flag& begun) {
  auto host = Host::open(config);
  auto socket = host->client();
  begun.raise();
  for (;;) {
    static_cast<void>(
        socket->call({host->address(), Neighbours::kPort}, bytes_of("short"), 10s).has_value());
  }
}

void poll_armed(const HostConfig& config, const Flag& begun) {
  auto host = Host::open(config);
  auto socket = host->client();
  begun.raise();
  for (;;) {
    pollfd waiting{socket->descriptor(), POLLIN, 0};
    static_cast<void>(
        socket->send({host->address(), Neighbours::kPort}, bytes_of("short")).has_value());
    ::poll(&waiting, 1, 1'000);
    while (socket->receive(0ms)) {
    }
  }
}

void serve(const HostConfig& config, const Flag& begun) {
  auto host = Host::open(config);
  auto server = host->serve(4'002);
  auto client = host->client();
  begun.raise();
  for (;;) {
    static_cast<void>(client->send({host->address(), 4'002}, pattern(50'000, 3)).has_value());
    const auto request = server->receive(1s);
    if (request) static_cast<void>(server->reply(request->rpc(), request->bytes()).has_value());
    static_cast<void>(client->receive(1s).has_value());
  }
}

void attach(const HostConfig& config, const Flag& begun) {
  begun.raise();
  for (;;) {
    auto host = Host::open(config);
    if (host) static_cast<void>(host->client().has_value());
  }
}

constexpr Work kWorks[] = {copy_in, receive, sleep_armed, poll_armed, serve, attach};

class Killed : public ::testing::Test {
 protected:
  void kill_some(int count, test::Random& random) {
    for (int i = 0; i < count; ++i) {
      const Work work = kWorks[static_cast<std::size_t>(i) % std::size(kWorks)];
      const Flag begun;
      Child child([&] {
        work(homad_.client_config(), begun);
        return 0;
      });
      ASSERT_TRUE(begun.wait());
      std::this_thread::sleep_for(std::chrono::microseconds(random.below(4'000)));
      child.kill();
    }
  }
  // What homad has when nothing changes any more.
  std::size_t settled_descriptors() const {
    std::size_t before = 0, now = homad_.descriptors();
    do {
      before = now;
      std::this_thread::sleep_for(100ms);
      now = homad_.descriptors();
    } while (now != before);
    return now;
  }

  Homad homad_;
  Neighbours neighbours_{homad_.client_config(), 3};
};

TEST_F(Killed, AtAnyPointLeaveNothingBehindAndHurtNobody) {
  test::Random random(1);
  kill_some(60, random);  // homad's tables have grown to their size
  const std::size_t descriptors = settled_descriptors();
  const std::uint64_t mapped = homad_.memory("VmSize"), resident = homad_.memory("VmRSS");
  std::thread killer([&] { kill_some(test::long_tests() ? 1'000 : 120, random); });
  std::uint64_t calls = 0, failures = 0;
  const auto& phase = neighbours_.watch(test::long_tests() ? 20s : 2s);
  killer.join();
  calls = phase.times.count();
  failures = phase.failures.load();
  EXPECT_EQ(failures, 0U);
  EXPECT_GT(calls, 20U);
  EXPECT_TRUE(eventually([&] { return homad_.descriptors() <= descriptors; }))
      << homad_.descriptors() << " descriptors, not " << descriptors << "\n"
      << homad_.log();
  // Sanitizers keep what was freed, and map memory of their own.
  if (!test::kSanitizers) {
    EXPECT_TRUE(eventually([&] { return homad_.memory("VmSize") <= mapped + 1'024; }))
        << homad_.memory("VmSize") << " kB mapped, not " << mapped;
    EXPECT_LE(homad_.memory("VmRSS"), resident + 4'096);
  }
}

}  // namespace
}  // namespace homa::testing
