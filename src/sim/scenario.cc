#include "sim/scenario.h"

#include <algorithm>
#include <iterator>

#include "base/check.h"
#include "sim/random.h"
#include "sim/simulation.h"

namespace homa::sim {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

// Faults end here at the latest; then everything must come to rest.
constexpr SimTime kFaultsEnd = milliseconds(200);
constexpr SimTime kTimeLimit = std::chrono::seconds(60);

template <typename T, std::size_t N>
T pick(Random& random, const T (&choices)[N]) {
  return choices[random.below(N)];
}

void choose_network(Random& random, SimConfig& config) {
  TopologyConfig& topology = config.topology;
  if (random.chance(0.5)) {
    topology.kind = TopologyKind::kSingleSwitch;
    topology.racks = 1;
    topology.hosts = static_cast<std::uint32_t>(random.between(2, 8));
  } else {
    topology.racks = static_cast<std::uint32_t>(random.between(2, 3));
    topology.hosts = topology.racks * static_cast<std::uint32_t>(random.between(1, 3));
    topology.spines = static_cast<std::uint32_t>(random.between(1, 3));
  }
  const std::uint64_t rates[] = {200'000'000, 1'000'000'000, 10'000'000'000, 100'000'000'000};
  topology.host_bits_per_second = pick(random, rates);
  topology.spine_bits_per_second = topology.host_bits_per_second * random.between(1, 4);
  topology.propagation = microseconds(random.between(0, 20));
  SwitchConfig& switches = config.switches;
  switches.buffer =
      pick(random, {BufferKind::kUnbounded, BufferKind::kPerPort, BufferKind::kShared});
  switches.buffer_bytes = random.between(20'000, 500'000);
  switches.shared_percent = static_cast<std::uint32_t>(random.between(25, 400));
  switches.paths = pick(random, {PathChoice::kPerPacket, PathChoice::kPerFlow});
}

void choose_traffic(Random& random, TrafficConfig& traffic) {
  traffic.workload = pick(random, {"w1", "w2", "w3", "w4", "w5", "1", "1425", "60000"});
  traffic.bytes_max = 100'000;
  traffic.load = 0.1 + 0.8 * random.uniform();
  traffic.messages = random.between(50, 400);
  traffic.warm_up = 0;
  traffic.request_response = random.chance(0.6);
  traffic.response_bytes =
      random.chance(0.5) ? 0 : static_cast<std::uint32_t>(random.between(1, 100'000));
  traffic.service_time = microseconds(random.chance(0.5) ? 0 : random.between(1, 3'000));
}

void choose_protocol(Random& random, HomaConfig& homa, const TopologyConfig& topology) {
  homa.derived = false;
  homa.paced = random.chance(0.5);
  core::CoreConfig& core = homa.core;
  core.payload_bytes_max = static_cast<std::uint32_t>(random.between(200, 9'000));
  core.unscheduled_bytes = static_cast<std::uint32_t>(random.between(1, 40'000));
  core.max_incoming = static_cast<std::uint32_t>(random.between(1'000, 400'000));
  core.overcommit = static_cast<std::uint32_t>(random.between(1, 8));
  core.window = random.chance(0.5) ? 0 : static_cast<std::uint32_t>(random.between(1'000, 100'000));
  core.priorities = static_cast<Priority>(random.between(1, 8));
  core.grant_fifo_per_mille = random.chance(0.5) ? 50 : 0;
  core.pacer_fifo_per_mille = random.chance(0.5) ? 50 : 0;
  core.grant_increment_min = random.chance(0.5) ? 1 : 5'000;
  core.defer_bytes_min = random.chance(0.5) ? 1'000 : 1;
  core.cutoff_interval = random.chance(0.5) ? Duration(milliseconds(2)) : Duration(0);
  core.cutoff_messages_min = 20;
  core.incast_bytes_max =
      random.chance(0.5) ? 0 : static_cast<std::uint32_t>(random.between(1'000, 100'000));
  core.message_bytes_max = 100'000;
  core.receive_region_bytes = random.between(200'000, 4'000'000);
  core.rpcs_max = 2'048;
  core.finished_ids_max = 4'096;
  core.link_bits_per_second = topology.host_bits_per_second;
}

// What is lost may be lost again and again: an RPC must have time for it.
void choose_faults(Random& random, Scenario& scenario) {
  SimConfig& config = scenario.config;
  FaultConfig& faults = config.faults;
  if (random.chance(0.7)) {
    faults.links.loss = random.chance(0.5) ? 0.02 * random.uniform() : 0;
    faults.links.duplication = random.chance(0.5) ? 0.05 * random.uniform() : 0;
    faults.links.reordering = random.chance(0.5) ? 0.2 * random.uniform() : 0;
    faults.links.held_back_max = microseconds(random.between(1, 2'000));
  }
  faults.plan.push_back({kFaultsEnd, Fault::Kind::kFaultsEnd, 0});
  const auto some_time = [&] {
    return SimTime(static_cast<std::int64_t>(
        random.between(0, static_cast<std::uint64_t>(SimTime(milliseconds(50)).count()))));
  };
  if (random.chance(0.3)) {
    const HostId host = random.below(config.topology.hosts);
    const SimTime down = some_time();
    faults.plan.push_back({down, Fault::Kind::kLinkDown, host});
    faults.plan.push_back({down + milliseconds(random.between(1, 30)), Fault::Kind::kLinkUp, host});
  }
  if (random.chance(0.3)) {
    faults.plan.push_back(
        {some_time(), Fault::Kind::kRestart, random.below(config.topology.hosts)});
    scenario.all_must_succeed = false;
  }
  for (HostId host = 0; host < config.topology.hosts; ++host) {
    HostQuirks quirks;
    if (random.chance(0.3)) {
      quirks.clock_drift_ppm = static_cast<std::int64_t>(random.between(0, 400)) - 200;
    }
    if (random.chance(0.1)) quirks.application_delay = milliseconds(random.between(1, 20));
    faults.quirks.push_back(quirks);
  }
}

// The fault, and a world in which it has a consequence.
void plant(Canary canary, Scenario& scenario) {
  SimConfig& config = scenario.config;
  core::CoreConfig& core = config.homa.core;
  switch (canary) {
    case Canary::kNone: return;
    case Canary::kNoGrants:
      core.canary_no_grants = true;
      config.traffic.workload = "60000";  // needs grants
      core.unscheduled_bytes = std::min(core.unscheduled_bytes, 10'000U);
      return;
    case Canary::kDeaf:
      core.canary_deaf = true;
      config.traffic.request_response = true;
      config.traffic.service_time = milliseconds(400);  // servers are asked meanwhile
      config.faults = FaultConfig{};
      scenario.all_must_succeed = true;
      return;
    case Canary::kNoQuestions:
      core.canary_no_questions = true;
      // All ask one server, which forgets what it works on, and says nothing of its own accord.
      config.traffic.pattern = TrafficPattern::kReplay;
      config.traffic.request_response = true;
      config.traffic.service_time = milliseconds(400);
      for (HostId host = 1; host < config.topology.hosts; ++host) {
        config.traffic.replay.push_back({milliseconds(1), host, 0, 100});
      }
      config.traffic.messages = config.traffic.replay.size();
      config.faults = FaultConfig{};
      config.faults.plan = {{milliseconds(150), Fault::Kind::kRestart, 0},
                            {kFaultsEnd, Fault::Kind::kFaultsEnd, 0}};
      return;
  }
}

std::string describe(const SimConfig& config) {
  return std::to_string(config.topology.hosts) + " hosts, " +
         std::to_string(config.topology.racks) + " racks, " + config.traffic.workload + " at " +
         std::to_string(config.traffic.load) + ", " + std::to_string(config.traffic.messages) +
         (config.traffic.request_response ? " RPCs" : " one-way messages") + ", loss " +
         std::to_string(config.faults.links.loss) + ", " +
         std::to_string(config.faults.plan.size() - 1) + " planned faults";
}

}  // namespace

std::string_view to_string(Canary canary) {
  switch (canary) {
    case Canary::kNone: return "none";
    case Canary::kNoGrants: return "no-grants";
    case Canary::kDeaf: return "deaf";
    case Canary::kNoQuestions: return "no-questions";
  }
  return "?";
}

Scenario random_scenario(std::uint64_t seed, Canary canary) {
  Random random(derived_seed(seed, 77));
  Scenario scenario;
  SimConfig& config = scenario.config;
  config.seed = seed;
  config.check = true;
  config.drain = true;
  config.queue_samples = 0;
  config.time_limit = kTimeLimit;
  scenario.all_must_succeed = true;
  choose_network(random, config);
  choose_traffic(random, config.traffic);
  choose_protocol(random, config.homa, config.topology);
  choose_faults(random, scenario);
  core::CoreConfig& core = config.homa.core;
  core.grant_tail_bytes =
      random.chance(0.5) ? 0 : static_cast<std::uint32_t>(random.between(1, 100'000));
  Random service(derived_seed(seed, 78));  // a server may take longer than any timeout
  if (service.chance(0.2)) config.traffic.service_time = milliseconds(service.between(50, 600));
  plant(canary, scenario);
  scenario.description = describe(config);
  return scenario;
}

ScenarioResult run_scenario(const Scenario& scenario) {
  ScenarioResult result;
  auto simulation = Simulation::create(scenario.config);
  if (!simulation) {
    result.violations.push_back("no valid configuration: " + simulation.error().text);
    return result;
  }
  Report report = (*simulation)->run();
  result.messages = scenario.config.traffic.messages;
  result.failed = report.failed;
  result.events = report.events;
  result.violations = std::move(report.violations);
  if (scenario.all_must_succeed && report.failed > 0) {
    result.violations.push_back(std::to_string(report.failed) +
                                " RPCs failed, though nothing justifies it");
  }
  return result;
}

std::string replay_command(std::uint64_t seed, Canary canary) {
  const std::string with =
      canary == Canary::kNone ? "" : " --canary " + std::string(to_string(canary));
  return "homa sim check --seed " + std::to_string(seed) + with;
}

}  // namespace homa::sim
