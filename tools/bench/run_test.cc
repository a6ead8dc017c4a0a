#include "tools/bench/run.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>

#include <cerrno>
#include <cstdlib>

#include "tools/bench/loopback.h"
#include "tools/process/process.h"

namespace homa::tools {
namespace {

BenchLoad w4_at(double share) {
  BenchLoad load;
  load.workload = sim::WorkloadDistribution::named("w4")->cut_off(1'000'000);
  load.load = share;
  return load;
}

const BenchProtocol kTcp{BenchProtocol::Kind::kTcp, "cubic", 2};

TEST(BenchRun, EveryRpcOverTcpIsAnsweredIntactAndCounted) {
  BenchLoad load = w4_at(0.3);
  load.warm_up = std::chrono::milliseconds(100);
  load.duration = std::chrono::milliseconds(900);
  int reports = 0;
  const auto run =
      run_bench(loopback_setup(3), kTcp, load, [&](const BenchProgress&) { ++reports; });
  ASSERT_TRUE(run) << run.error().text;
  EXPECT_GT(run->rpcs_started, 100U);
  EXPECT_EQ(run->rpcs_finished, run->rpcs_started);
  EXPECT_EQ(run->rpcs_failed + run->corrupt + run->unfinished + run->samples_dropped, 0U);
  EXPECT_LT(run->samples.size(), run->rpcs_started);  // those of the warm-up do not count
  EXPECT_GT(run->goodput_bits_per_second, 1e6);
  EXPECT_GT(reports, 3);
}

TEST(BenchRun, AClosedLoopStopsAfterTheRpcsAskedFor) {
  BenchLoad load;
  load.workload = sim::WorkloadDistribution::fixed(100);
  load.concurrency = 4;
  load.rpcs = 5'000;
  load.warm_up = Nanoseconds::zero();
  const auto run = run_bench(loopback_setup(2), kTcp, load, [](const BenchProgress&) {});
  ASSERT_TRUE(run) << run.error().text;
  EXPECT_EQ(run->rpcs_finished, 5'000U);
  EXPECT_EQ(run->samples.size(), 5'000U);
  EXPECT_GT(run->resident_early, 0U);
  EXPECT_GT(run->resident_late, 0U);
}

TEST(BenchRun, AShortResponseIsShort) {
  BenchLoad load;
  load.workload = sim::WorkloadDistribution::fixed(100'000);
  load.response_bytes = 10;
  load.concurrency = 1;
  load.rpcs = 100;
  const auto run = run_bench(loopback_setup(2), kTcp, load, [](const BenchProgress&) {});
  ASSERT_TRUE(run) << run.error().text;
  EXPECT_EQ(run->corrupt, 0U);
  EXPECT_EQ(run->rpcs_finished, 100U);
}

TEST(BenchRun, TheIdleNetworkIsMeasuredPerSize) {
  UnloadedPlan plan;
  plan.sizes = {10, 1'000, 100'000};
  plan.per_size = std::chrono::milliseconds(20);
  const auto run = run_bench(loopback_setup(2), kTcp, plan, [](const BenchProgress&) {});
  ASSERT_TRUE(run) << run.error().text;
  EXPECT_GE(run->samples.size(), 15U);
  EXPECT_EQ(run->samples.front().request_bytes, 10U);
  EXPECT_EQ(run->samples.back().request_bytes, 100'000U);
}

TEST(BenchRun, AHostThatCannotStartSaysWhy) {
  const BenchProtocol wrong{BenchProtocol::Kind::kTcp, "nonesuch", 1};
  const auto run = run_bench(loopback_setup(2), wrong, w4_at(0.1), [](const BenchProgress&) {});
  ASSERT_FALSE(run);
  EXPECT_NE(run.error().text.find("nonesuch"), std::string::npos) << run.error().text;
}

// No process of this one is left.
bool nobody_left() { return ::waitpid(-1, nullptr, WNOHANG) == -1 && errno == ECHILD; }

bool interrupted_run_leaves_nobody() {
  const StopGuard guard;
  const auto run = run_bench(loopback_setup(3), kTcp, w4_at(0.1),
                             [](const BenchProgress&) { std::raise(SIGINT); });
  return !run && run.error().code == ErrorCode::kCancelled && nobody_left();
}

// In a process of its own: who was asked to stop once remembers it.
TEST(BenchRun, AnInterruptedRunLeavesNoProcess) {
  EXPECT_EXIT(std::_Exit(interrupted_run_leaves_nobody() ? 0 : 1), testing::ExitedWithCode(0), "");
}

TEST(BenchRun, CountersAreOfAllHosts) {
  BenchLoad load;
  load.workload = sim::WorkloadDistribution::fixed(100);
  load.concurrency = 2;
  load.rpcs = 300;
  load.warm_up = Nanoseconds::zero();
  const auto run = run_bench(loopback_setup(3), BenchProtocol{}, load, [](const BenchProgress&) {});
  ASSERT_TRUE(run) << run.error().text;
  EXPECT_EQ(run->counters.at("requests_sent"), 300U);
  EXPECT_EQ(run->counters.at("requests_received"), 300U);
  EXPECT_EQ(run->host_ends.size(), 3U);
  EXPECT_EQ(run->host_ends.back(), run->samples.size());
  EXPECT_TRUE(nobody_left());
}

}  // namespace
}  // namespace homa::tools
