// Two or three endpoints on a link that loses, doubles and reorders, for many seeds. Each seed
// draws a configuration, faults and RPCs; checkers (tests/support) say what must hold of every one.
//
// HOMA_TEST_SCALE=20 runs twenty times as many seeds; HOMA_TEST_SEED=123 runs that one alone.
#include <gtest/gtest.h>

#include <iostream>
#include <string>
#include <vector>

#include "support/grant_checker.h"
#include "support/overlap_checker.h"
#include "support/rpc_workload.h"
#include "support/seeds.h"
#include "support/virtual_network.h"

namespace homa::test {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Time at(Duration since_start) { return Time(since_start); }

struct Experiment {
  NetworkConfig network;
  std::vector<PlannedRpc> plan;
  bool aborts = false;
  std::uint32_t announced_above = core::Head::kNever;
};

struct Outcome {
  std::vector<std::string> violations;
  std::size_t completed = 0, failed = 0;
  std::uint64_t hash = 0, grants = 0, packets = 0;
  std::map<ErrorCode, std::size_t> errors;
};

Outcome run(const Experiment& experiment) {
  RpcWorkload workload;
  GrantChecker checker(!experiment.aborts);
  VirtualNetwork network(experiment.network, workload, &checker);
  workload.announce_above(experiment.announced_above);
  workload.begin(network, experiment.plan);
  network.run(at(seconds(20)));
  workload.check_end(network);
  return Outcome{network.violations(), workload.completed(), workload.failed(),
                 network.trace_hash(), checker.grants(),     network.packets_sent(),
                 workload.errors()};
}

std::uint32_t random_length(Random& random, std::uint32_t most) {
  switch (random.below(5)) {
    case 0: return static_cast<std::uint32_t>(random.between(1, 64));
    case 1: return static_cast<std::uint32_t>(random.between(1, 1'500));
    case 2: return static_cast<std::uint32_t>(random.between(1, 12'000));
    case 3: return static_cast<std::uint32_t>(random.between(1'000, most / 4));
    default: return static_cast<std::uint32_t>(random.between(10'000, most));
  }
}

core::CoreConfig random_config(Random& random) {
  core::CoreConfig config;
  const std::uint64_t rates[] = {0, 100'000'000, 1'000'000'000, 10'000'000'000};
  const std::uint32_t payloads[] = {100, 536, 1'424, 1'424, 8'900};
  const std::uint32_t unscheduled[] = {1, 1'000, 10'000, 40'000, 40'000};
  config.link_bits_per_second = rates[random.below(4)];
  config.payload_bytes_max = payloads[random.below(5)];
  config.unscheduled_bytes = unscheduled[random.below(5)];
  config.max_incoming = static_cast<std::uint32_t>(random.between(50'000, 400'000));
  config.overcommit = static_cast<std::uint32_t>(random.between(1, 8));
  config.window =
      random.chance(0.5) ? 0 : static_cast<std::uint32_t>(random.between(2'000, 50'000));
  config.priorities = static_cast<Priority>(random.between(1, 8));
  config.grant_fifo_per_mille = static_cast<std::uint32_t>(random.below(3) * 50);
  config.pacer_fifo_per_mille = static_cast<std::uint32_t>(random.below(3) * 50);
  // Now and then so little memory that messages must wait for room.
  config.receive_region_bytes = random.chance(0.2) ? 1 << 20 : 16 << 20;
  config.incast_bytes_max = random.chance(0.2) ? 50'000 : 0;
  config.cutoff_interval = random.chance(0.2) ? milliseconds(2) : milliseconds(0);
  config.cutoff_messages_min = 5;
  config.message_bytes_max = 300'000;
  config.need_ack_give_up = seconds(1);
  return config;
}

Experiment draw(std::uint64_t seed) {
  Random random(seed);
  Experiment experiment;
  NetworkConfig& network = experiment.network;
  network.hosts = random.between(2, 3);
  network.core = random_config(random);
  network.seed = random.next();
  network.delay = microseconds(random.between(1, 200));
  const Duration busy = milliseconds(random.between(1, 30));
  network.faults_end = at(busy * 3);
  // Four kinds: a clean link, a little of everything, one fault, heavy faults.
  const auto kind = random.below(4);
  const double most = kind == 3 ? 0.3 : 0.05;
  if (kind == 1 || kind == 3 || (kind == 2 && random.chance(0.4))) {
    network.loss = most * static_cast<double>(random.below(100)) / 100;
  }
  if (kind == 1 || kind == 3 || (kind == 2 && random.chance(0.5))) {
    network.duplication = most * static_cast<double>(random.below(100)) / 100;
  }
  if (kind == 1 || kind == 3 || (kind == 2 && random.chance(0.5))) {
    network.reordering = 2 * most * static_cast<double>(random.below(100)) / 100;
  }
  network.reorder_delay_max = microseconds(random.between(10, 8'000));
  experiment.aborts = random.chance(0.25);
  // By a draw of its own, so that it changes nothing else of what the seed draws.
  if (Random(~seed).chance(0.3)) experiment.announced_above = 20'000;

  const auto rpcs = random.between(1, 25);
  for (std::uint64_t i = 0; i < rpcs; ++i) {
    PlannedRpc rpc;
    rpc.start = at(Duration(
        static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(busy.count())))));
    rpc.client = random.below(network.hosts);
    rpc.server = (rpc.client + random.between(1, network.hosts - 1)) % network.hosts;
    rpc.request_length = random_length(random, network.core.message_bytes_max);
    rpc.response_length = random_length(random, network.core.message_bytes_max);
    rpc.think =
        random.chance(0.7) ? Duration::zero() : Duration(microseconds(random.below(20'000)));
    rpc.hold = random.chance(0.7) ? Duration::zero() : Duration(microseconds(random.below(5'000)));
    if (experiment.aborts && random.chance(0.3)) {
      rpc.abort_after = microseconds(random.between(1, 10'000));
      rpc.report_abort = random.chance(0.5);
    }
    experiment.plan.push_back(rpc);
  }
  return experiment;
}

std::string describe(const std::string& test, std::uint64_t seed, const Outcome& outcome) {
  std::string text = "replay: HOMA_TEST_SEED=" + std::to_string(seed) +
                     " build/debug/tests/property/property_test --gtest_filter=" + test + "\n";
  for (const std::string& violation : outcome.violations) text += "  " + violation + "\n";
  for (const auto& [error, count] : outcome.errors) {
    text += "  " + std::to_string(count) + " failed: " + std::string(to_string(error)) + "\n";
  }
  return text;
}

TEST(Property, EveryRpcEndsOnceWithItsBytesAndGrantsAreKept) {
  std::size_t completed = 0, failed = 0;
  std::uint64_t grants = 0, packets = 0;
  for (const std::uint64_t seed : seeds(2'000)) {
    const Experiment experiment = draw(seed);
    const Outcome outcome = run(experiment);
    ASSERT_TRUE(outcome.violations.empty())
        << describe("Property.EveryRpcEndsOnceWithItsBytesAndGrantsAreKept", seed, outcome);
    // Loss of 30 % and 100 silent ticks: no RPC has reason to fail but for an abort.
    std::size_t unexplained = outcome.failed;
    if (const auto it = outcome.errors.find(ErrorCode::kCancelled); it != outcome.errors.end()) {
      unexplained -= it->second;
    }
    ASSERT_EQ(unexplained, 0U) << describe("Property.EveryRpcEndsOnceWithItsBytesAndGrantsAreKept",
                                           seed, outcome);
    completed += outcome.completed;
    failed += outcome.failed;
    grants += outcome.grants;
    packets += outcome.packets;
  }
  std::cout << completed << " RPCs completed, " << failed << " aborted, " << packets << " packets, "
            << grants << " grants\n";
  if (all_seeds()) {
    EXPECT_GT(completed, 1'000U);
    EXPECT_GT(grants, 1'000U);
  }
}

TEST(Property, TheSameSeedGivesTheSameRunBitForBit) {
  for (const std::uint64_t seed : seeds(100)) {
    const Outcome first = run(draw(seed));
    const Outcome second = run(draw(seed));
    ASSERT_EQ(first.hash, second.hash) << "seed " << seed;
    ASSERT_EQ(first.packets, second.packets) << "seed " << seed;
  }
  // And another seed another one, or the comparison would mean nothing.
  EXPECT_NE(run(draw(1)).hash, run(draw(2)).hash);
}

// A client that has heard from a server once knows its successor for another one.
TEST(Property, AServerThatRestartsNeverRunsARequestTwice) {
  std::size_t restarted = 0;
  for (const std::uint64_t seed : seeds(300)) {
    Random random(seed * 7919);
    Experiment experiment = draw(seed);
    experiment.network.faults_end = at(milliseconds(40));
    for (PlannedRpc& rpc : experiment.plan) rpc.start += milliseconds(10);
    for (HostIndex client = 0; client < experiment.network.hosts; ++client) {
      for (HostIndex server = 0; server < experiment.network.hosts; ++server) {
        if (client != server) {
          experiment.plan.push_back(
              PlannedRpc{.start = at({}), .client = client, .server = server});
        }
      }
    }
    RpcWorkload workload;
    VirtualNetwork network(experiment.network, workload, nullptr);
    workload.begin(network, experiment.plan);
    const HostIndex victim = random.below(experiment.network.hosts);
    // Killed, and back when no packet of its former life is on its way any longer, nor an answer.
    const Time killed = at(microseconds(random.between(10'000, 50'000)));
    network.at(killed, [&] { network.set_unplugged(victim, true); });
    const Duration longest = experiment.network.reorder_delay_max + experiment.network.delay;
    network.at(killed + 2 * longest + milliseconds(1), [&] {
      network.set_unplugged(victim, false);
      network.restart(victim);
      workload.note_restart(network, victim);
    });
    network.run(at(seconds(20)));
    workload.check_end(network);
    const Outcome outcome{network.violations(), workload.completed(), workload.failed(), 0, 0, 0,
                          workload.errors()};
    ASSERT_TRUE(outcome.violations.empty())
        << describe("Property.AServerThatRestartsNeverRunsARequestTwice", seed, outcome);
    if (const auto it = outcome.errors.find(ErrorCode::kPeerRestarted);
        it != outcome.errors.end()) {
      restarted += it->second;
    }
  }
  if (all_seeds()) {
    EXPECT_GT(restarted, 0U);
  }
}

TEST(Property, AHostThatVanishesEndsItsRpcsWithinTheTimeout) {
  for (const std::uint64_t seed : seeds(100)) {
    Experiment experiment = draw(seed);
    experiment.network.loss = experiment.network.duplication = experiment.network.reordering = 0;
    RpcWorkload workload;
    VirtualNetwork network(experiment.network, workload, nullptr);
    workload.begin(network, experiment.plan);
    network.at(at(microseconds(500)), [&] { network.set_unplugged(1, true); });
    // The last start, a timeout, and a second until responses are given up.
    network.run(at(seconds(3)));
    workload.check_end(network);
    const Outcome outcome{network.violations(), workload.completed(), workload.failed(), 0, 0, 0,
                          workload.errors()};
    ASSERT_TRUE(outcome.violations.empty())
        << describe("Property.AHostThatVanishesEndsItsRpcsWithinTheTimeout", seed, outcome);
  }
}

// While the path shrinks and grows, with and without ICMP, packets are lost. `overtaking`: some
// also come late or twice.
Outcome run_on_changing_path(std::uint64_t seed, bool overtaking, std::uint64_t& overlaps) {
  Random random(seed * 104'729);
  Experiment experiment = draw(seed);
  NetworkConfig& network_config = experiment.network;
  network_config.core.payload_bytes_max = random.chance(0.5) ? 1'424 : 8'900;
  network_config.core.receive_region_bytes = 16 << 20;
  network_config.faults_end = at(milliseconds(60));
  network_config.loss = 0.02 * static_cast<double>(random.below(4));
  network_config.duplication = overtaking ? 0.02 : 0;
  network_config.reordering = overtaking ? 0.1 : 0;
  for (PlannedRpc& rpc : experiment.plan) rpc.abort_after = Duration::zero();
  RpcWorkload workload;
  OverlapChecker checker;
  VirtualNetwork network(network_config, workload, &checker);
  workload.begin(network, experiment.plan);
  const bool told = random.chance(0.5);
  const std::uint32_t widest = network_config.core.payload_bytes_max + wire::kDataHeaderBytes;
  const std::uint32_t widths[] = {widest, 1'440, 1'300, 1'230, 600};
  for (int change = 0; change < 6; ++change) {
    network.at(
        at(microseconds(random.between(100, 50'000))),
        [&network, told, bytes = widths[random.below(5)]] { network.set_path(bytes, told); });
  }
  network.run(at(seconds(20)));
  workload.check_end(network);
  overlaps += checker.overlaps();
  bool cut = false;
  for (HostIndex host = 0; host < network_config.hosts; ++host) {
    cut = cut || network.counters(host).messages_cut.load() > 0;
  }
  // Without a cut nothing was tested.
  return Outcome{.violations = network.violations(),
                 .completed = cut ? workload.completed() : 0,
                 .failed = workload.failed(),
                 .hash = network.trace_hash(),
                 .packets = network.packets_sent(),
                 .errors = workload.errors()};
}

TEST(Property, APathThatShrinksAndGrowsLosesNothing) {
  constexpr const char* kName = "Property.APathThatShrinksAndGrowsLosesNothing";
  std::size_t completed_after_a_cut = 0;
  std::uint64_t overlaps = 0;
  for (const std::uint64_t seed : seeds(300)) {
    const Outcome outcome = run_on_changing_path(seed, seed % 2 == 0, overlaps);
    ASSERT_TRUE(outcome.violations.empty()) << describe(kName, seed, outcome);
    ASSERT_EQ(outcome.failed, 0U) << describe(kName, seed, outcome);
    completed_after_a_cut += outcome.completed;
  }
  if (all_seeds()) {
    EXPECT_GT(completed_after_a_cut, 100U);
  }
}

// As long as packets do not overtake each other, no receiver gets one that it has in part.
TEST(Property, PacketsSentAgainAfterACutOverlapWithNoneThatArrived) {
  for (const std::uint64_t seed : seeds(300)) {
    std::uint64_t overlaps = 0;
    const Outcome outcome = run_on_changing_path(seed, false, overlaps);
    ASSERT_EQ(overlaps, 0U) << describe(
        "Property.PacketsSentAgainAfterACutOverlapWithNoneThatArrived", seed, outcome);
  }
}

// The bench is worth its name only if it notices: an endpoint that never grants must be caught.
TEST(Property, CanaryWithoutGrantsIsCaught) {
  Experiment experiment = draw(1);
  experiment.network.loss = 0;
  experiment.network.core.canary_no_grants = true;
  experiment.network.core.unscheduled_bytes = 10'000;
  experiment.plan = {
      PlannedRpc{.start = at(milliseconds(1)), .request_length = 100'000, .response_length = 100}};
  const Outcome outcome = run(experiment);
  EXPECT_EQ(outcome.completed, 0U);
  EXPECT_TRUE(outcome.failed > 0 || !outcome.violations.empty());
}

}  // namespace
}  // namespace homa::test
