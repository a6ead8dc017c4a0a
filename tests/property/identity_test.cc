// Who is who, in virtual time and for many seeds: clients that move, swap their addresses and come
// back, that share one, and forgers who claim what they like. Executions are counted
// (support/rpc_workload.h): no request runs twice, and none is lost for it.
#include <gtest/gtest.h>

#include <iostream>
#include <set>

#include "support/rpc_workload.h"
#include "support/seeds.h"
#include "support/virtual_network.h"
#include "wire/codec.h"

namespace homa::test {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Time at(Duration since_start) { return Time(since_start); }
constexpr HostIndex kServer = 0;
constexpr Duration kBusy = milliseconds(100);

constexpr std::uint64_t kSeeds = 200;

// Hosts 1 to 3 call host 0, which takes up to 300 ms.
struct World {
  explicit World(std::uint64_t seed) : random(seed * 104'729) {
    config.hosts = 4;
    config.seed = random.next();
    config.delay = microseconds(random.between(1, 200));
    config.faults_end = at(kBusy * 3);
    config.loss = 0.02 * static_cast<double>(random.below(3));
    config.duplication = 0.05 * static_cast<double>(random.below(3));
    config.reordering = 0.1 * static_cast<double>(random.below(3));
    config.reorder_delay_max = microseconds(random.between(10, 3'000));
    config.core.receive_region_bytes = 16 << 20;
    for (std::uint64_t i = random.between(5, 25); i > 0; --i) {
      PlannedRpc rpc;
      rpc.start = moment();
      rpc.client = random.between(1, 3);
      rpc.server = kServer;
      rpc.request_length = length();
      rpc.response_length = length();
      rpc.think = random.chance(0.5) ? Duration::zero() : microseconds(random.below(300'000));
      plan.push_back(rpc);
    }
  }

  Time moment() { return at(microseconds(random.between(100, 100'000))); }
  std::uint32_t length() {
    return static_cast<std::uint32_t>(random.chance(0.7) ? random.between(1, 1'500)
                                                         : random.between(1'500, 200'000));
  }

  Random random;
  NetworkConfig config;
  std::vector<PlannedRpc> plan;
};

struct Ended {
  std::size_t completed = 0, moves = 0, restarts_seen = 0;
};

// Runs it to its end. `disturb` schedules what happens meanwhile.
template <typename Disturb>
Ended run(World& world, std::uint64_t seed, Disturb disturb) {
  RpcWorkload workload;
  VirtualNetwork network(world.config, workload, nullptr);
  workload.begin(network, world.plan);
  disturb(network, workload);
  network.run(at(seconds(30)));
  workload.check_end(network);
  for (const std::string& violation : network.violations()) {
    ADD_FAILURE() << "seed " << seed << ": " << violation;
  }
  for (const auto& [error, count] : workload.errors()) {
    ADD_FAILURE() << "seed " << seed << ": " << count << " failed: " << to_string(error);
  }
  return {workload.completed(), network.counters(kServer).peers_moved,
          network.counters(kServer).peers_restarted};
}

TEST(PropertyIdentity, ClientsThatMoveSwapAndComeBackAreServedOnceAndLoseNothing) {
  Ended all;
  for (const std::uint64_t seed : seeds(kSeeds)) {
    if (HasFailure()) break;
    World world(seed);
    const Ended result = run(world, seed, [&](VirtualNetwork& network, RpcWorkload&) {
      for (int change = 0; change < 6; ++change) {
        const HostIndex host = world.random.between(1, 3);
        const HostIndex other = world.random.between(1, 3);
        const auto kind = world.random.below(3);
        const auto fresh = static_cast<std::uint8_t>(100 + change);
        network.at(world.moment(), [&network, host, other, kind, fresh] {
          if (kind == 0) return network.set_address(host, Address::v4(10, 9, 0, fresh));
          const Address former = network.address_of(host);
          if (kind == 1) {
            network.set_address(host, network.address_of(other));
            return network.set_address(other, former);
          }
          const Address home = VirtualNetwork::address(host);
          bool taken = false;
          for (HostIndex i = 0; i < 4; ++i) taken = taken || network.address_of(i) == home;
          if (!taken) network.set_address(host, home);
        });
      }
    });
    all.completed += result.completed;
    all.moves += result.moves;
  }
  std::cout << all.completed << " RPCs completed, " << all.moves << " moves believed\n";
  if (all_seeds()) {
    EXPECT_GT(all.completed, 100U);
    EXPECT_GT(all.moves, seeds(kSeeds).size() / 2);
  }
}

TEST(PropertyIdentity, ClientsBehindOneAddressAreToldApart) {
  std::size_t completed = 0;
  for (const std::uint64_t seed : seeds(kSeeds)) {
    if (HasFailure()) break;
    World world(seed);
    completed += run(world, seed, [&](VirtualNetwork& network, RpcWorkload&) {
                   for (HostIndex host = 2; host < 4; ++host) {
                     network.set_address(host, VirtualNetwork::address(1));
                   }
                 }).completed;
  }
  if (all_seeds()) {
    EXPECT_GT(completed, 100U);
  }
}

// A killed client leaves requests behind, and its next engine makes others from the same address.
TEST(PropertyIdentity, ClientsThatRestartDoNotDisturbOthersAndLeaveNothing) {
  std::uint64_t restarts_seen = 0;
  for (const std::uint64_t seed : seeds(kSeeds)) {
    if (HasFailure()) break;
    World world(seed);
    const Ended result = run(world, seed, [&](VirtualNetwork& network, RpcWorkload& workload) {
      for (int i = 0; i < 3; ++i) {
        const HostIndex host = world.random.between(1, 3);
        network.at(world.moment(), [&network, &workload, host] {
          network.restart(host);
          workload.note_restart(network, host);
        });
      }
    });
    restarts_seen += result.restarts_seen;
  }
  if (all_seeds()) {
    EXPECT_GT(restarts_seen, seeds(kSeeds).size() / 4);
  }
}

// In the name of each host, to each host: signs of life, ends and claims, with any identity and ids
// near those that are in use. Nothing of it is proved.
void forge(World& world, VirtualNetwork& network) {
  const HostIndex to = world.random.below(4);
  const bool to_server = to == kServer;
  const HostIndex from = to_server ? world.random.between(1, 3) : kServer;
  wire::CommonHeader header;
  header.source_port = to_server ? Port{40'000} : RpcWorkload::kServerPort;
  header.destination_port = to_server ? RpcWorkload::kServerPort : Port{40'000};
  header.sender_id = WireId{(world.random.next() & ~std::uint64_t{1}) | (to_server ? 0U : 1U)};
  header.identity = world.random.chance(0.2) ? kNoIdentity : Identity{world.random.next()};
  wire::HeaderBuffer buffer;
  std::size_t size = 0;
  switch (world.random.below(5)) {
    case 0: size = encode(wire::BusyHeader{header}, buffer); break;
    case 1: size = encode(wire::UnknownHeader{header}, buffer); break;
    case 2: size = encode(wire::NeedAckHeader{header}, buffer); break;
    case 3: size = encode(wire::ErrorHeader{header, 5, 0}, buffer); break;
    default: size = encode(wire::AnswerHeader{header, world.random.next()}, buffer); break;
  }
  network.inject(to, VirtualNetwork::address(from), std::span(buffer).first(size));
}

TEST(PropertyIdentity, ForgedRestartsEndNothing) {
  std::size_t completed = 0;
  for (const std::uint64_t seed : seeds(kSeeds)) {
    if (HasFailure()) break;
    World world(seed);
    const Ended result = run(world, seed, [&](VirtualNetwork& network, RpcWorkload&) {
      for (int i = 0; i < 200; ++i) {
        network.at(world.moment(), [&world, &network] { forge(world, network); });
      }
    });
    completed += result.completed;
    EXPECT_EQ(result.restarts_seen, 0U) << "seed " << seed;
  }
  if (all_seeds()) {
    EXPECT_GT(completed, 100U);
  }
}

}  // namespace
}  // namespace homa::test
