// Many schedules of the parts that share memory without locks: rings, doorbells, wake words, and
// who runs the engine. Code and headers are the library's own, but for the engine and the kernel.
#include <gtest/gtest.h>

#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <memory>
#include <string>

#include "channel/wake.h"
#include "client/in_process_link.h"
#include "client/socket_state.h"
#include "schedule/scheduler.h"

namespace homa::schedule {
namespace {

using client::EngineLink;
using client::InProcessLink;
using client::SocketState;
using engine::Engine;
using engine::Fault;

constexpr int kWrong = 43;  // exit code: a call failed, or took too long
constexpr Duration kTakeover{1'000'000};
constexpr unsigned kAtMostSeconds = 20;  // of one schedule; then it is stuck

struct Case {
  int callers = 1;
  int calls = 3;                            // of each
  int sockets = 1;                          // the callers share them
  bool others_depend_on_the_first = false;  // each answer follows one that the first caller took
  bool callers_drive = true;
  Fault fault = Fault::kNone;
};

void require(bool condition, const char* what) {
  if (condition) return;
  std::fprintf(stderr, "%s\n", what);
  ::_exit(kWrong);
}

template <typename Done>
void call(SocketState& socket, int calls, Done done) {
  const std::byte request[1] = {};
  for (int i = 0; i < calls; ++i) {
    const client::Gather message{std::span(request)};
    const auto response = socket.call({Address::v4(10, 0, 0, 2), 100}, message, std::nullopt);
    require(response.has_value(), "a call failed");
    done();
  }
}

void run(const Case& what, std::uint64_t seed) {
  constexpr std::uint32_t kOneIn[] = {2, 4, 12, 40};
  Scheduler scheduler(seed, kOneIn[seed % 4]);
  scheduler.spawn([&] {
    const int wake = channel::create_descriptor().value();
    auto owned = std::make_unique<Engine>(wake, what.fault);
    Engine* const engine = owned.get();
    auto link = InProcessLink::start(std::move(owned), base::Descriptor(), {64, 1 << 16, 1 << 16},
                                     {Duration(3'000), kTakeover, what.callers_drive}, 1, {})
                    .value();
    channel::ChannelConfig config;
    config.submission_entries = 2;  // full all the time
    config.completion_entries = 2;
    config.transmit_bytes = 1 << 16;
    std::vector<std::shared_ptr<SocketState>> sockets;
    for (int i = 0; i < what.sockets; ++i) {
      auto attached = link->attach(config, 0).value();
      sockets.push_back(std::make_shared<SocketState>(link, attached.region, attached.bell));
      require(sockets.back()->open(0).has_value(), "the socket does not open");
    }
    if (what.others_depend_on_the_first) engine->limit_others();
    Scheduler& all = *Scheduler::current();
    const Time start = all.now();
    std::vector<int> threads;
    threads.push_back(all.spawn([&] { engine->run_network(what.callers * what.calls); }));
    for (int i = 0; i < what.callers; ++i) {
      SocketState& socket = *sockets[static_cast<std::size_t>(i % what.sockets)];
      threads.push_back(all.spawn([&, i] {
        call(socket, what.calls, [&] {
          if (i == 0) engine->allow();
        });
      }));
    }
    for (const int thread : threads) all.join(thread);
    // A wake-up that was lost would be made up for by the library's thread, but only later.
    require(!what.callers_drive || all.now() - start < kTakeover, "a wake-up was lost for a while");
    for (const auto& socket : sockets) socket->shutdown();
    sockets.clear();
    link->stop();
  });
  scheduler.run();
}

// Runs schedules in a child, because one that is stuck cannot be ended. How the child ended: 0: all
// went well.
int explore(const Case& what, std::uint64_t schedules) {
  const char* const scale = std::getenv("HOMA_TEST_SCALE");
  if (scale != nullptr) schedules *= std::strtoull(scale, nullptr, 10);
  const pid_t child = ::fork();
  if (child == 0) {
    for (std::uint64_t seed = 1; seed <= schedules; ++seed) {
      ::alarm(kAtMostSeconds);
      run(what, seed);
    }
    ::_exit(0);
  }
  int status = -1;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(Schedule, ACallerIsAlwaysWokenWhereCallersDrive) {
  EXPECT_EQ(explore({.callers = 1}, 300), 0);
}

TEST(Schedule, CallersTakeTurnsAndNobodyIsForgotten) { EXPECT_EQ(explore({.callers = 3}, 300), 0); }

TEST(Schedule, CallersOfSeveralSocketsTakeTurns) {
  EXPECT_EQ(explore({.callers = 3, .sockets = 3}, 300), 0);
}

// A thread that was woken for its turn to drive may find that another socket's thread has taken it,
// and goes to sleep again. If that thread waits for what the first one does next, nothing makes up
// for a wake-up that was lost meanwhile.
TEST(Schedule, AThreadThatLosesItsTurnMissesNoMessage) {
  EXPECT_EQ(
      explore({.callers = 2, .calls = 8, .sockets = 2, .others_depend_on_the_first = true}, 600),
      0);
}

TEST(Schedule, TheLibrarysThreadServesSleepingCallers) {
  EXPECT_EQ(explore({.callers = 2, .callers_drive = false}, 300), 0);
}

// The test of the test.
TEST(Schedule, AnEngineThatSleepsWithoutAnotherLookIsFoundOut) {
  EXPECT_NE(
      explore({.callers = 2, .callers_drive = false, .fault = Fault::kSleepsWithoutAnotherLook},
              300),
      0);
}

}  // namespace
}  // namespace homa::schedule
