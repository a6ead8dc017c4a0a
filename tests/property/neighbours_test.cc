// Hostile and unlucky neighbours, in virtual time and for many seeds (docs/security.md): whatever
// happens, each request runs at most once, the bytes are right, nothing is lost, nothing stays.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

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
constexpr HostIndex kServer = 0, kHosts = 4;
constexpr std::uint64_t kSeeds = 100;

// Hosts 1 to 3 call host 0, which takes up to 100 ms.
struct World {
  explicit World(std::uint64_t seed) : random(seed * 15'485'863) {
    network.hosts = kHosts;
    network.seed = random.next();
    network.delay = microseconds(random.between(1, 200));
    network.reorder_delay_max = milliseconds(1);
    network.core.receive_region_bytes = 16 << 20;
    for (std::uint64_t i = random.between(10, 25); i > 0; --i) {
      plan.push_back({.start = at(microseconds(random.between(100, 200'000))),
                      .client = random.between(1, kHosts - 1),
                      .server = kServer,
                      .request_length = length(),
                      .response_length = length(),
                      .think = microseconds(random.chance(0.5) ? 0 : random.below(100'000))});
    }
  }
  std::uint32_t length() {
    return static_cast<std::uint32_t>(random.chance(0.7) ? random.between(1, 1'500)
                                                         : random.between(1'500, 200'000));
  }
  Time moment() { return at(microseconds(random.between(100, 250'000))); }

  Random random;
  NetworkConfig network;
  std::vector<PlannedRpc> plan;
};

using Disturb = std::function<void(World&, VirtualNetwork&, RpcWorkload&)>;

void run(World& world, std::uint64_t seed, Observer* observer, const Disturb& disturb) {
  RpcWorkload workload;
  VirtualNetwork network(world.network, workload, observer);
  workload.begin(network, world.plan);
  disturb(world, network, workload);
  network.run(at(seconds(30)));
  workload.check_end(network);
  for (const std::string& violation : network.violations()) {
    ADD_FAILURE() << "seed " << seed << ": " << violation;
  }
  for (const auto& [error, count] : workload.errors()) {
    ADD_FAILURE() << "seed " << seed << ": " << count << " failed: " << to_string(error);
  }
}

void expect_nothing_lost(const Disturb& disturb) {
  for (const std::uint64_t seed : seeds(kSeeds)) {
    if (::testing::Test::HasFailure()) break;
    World world(seed);
    run(world, seed, nullptr, disturb);
  }
}

// --- Unlucky days ---

TEST(PropertyNeighbours, ADeviceThatFlapsInTheMiddleOfMessagesLosesNothing) {
  expect_nothing_lost([](World& world, VirtualNetwork& network, RpcWorkload&) {
    for (std::uint64_t flap = 0; flap < 3; ++flap) {
      const HostIndex host = world.random.below(kHosts);
      const Time down = at(microseconds(130'000 * flap + world.random.between(100, 50'000)));
      const Duration for_so_long = microseconds(world.random.between(100, 60'000));
      network.at(down, [&network, host] { network.set_unplugged(host, true); });
      network.at(down + for_so_long, [&network, host] { network.set_unplugged(host, false); });
    }
  });
}

TEST(PropertyNeighbours, PacketsThatAreSecondsLateDoNoHarm) {
  for (const std::uint64_t seed : seeds(kSeeds)) {
    if (HasFailure()) break;
    World world(seed);
    world.network.reordering = 0.2;
    world.network.duplication = 0.2;
    world.network.reorder_delay_max = seconds(5);
    world.network.faults_end = at(seconds(1));
    run(world, seed, nullptr, [](World&, VirtualNetwork&, RpcWorkload&) {});
  }
}

// Three more copies of each packet, now and later.
class Copier : public Observer {
 public:
  void on_sent(VirtualNetwork& network, HostIndex host, HostIndex to,
               std::span<const std::byte> packet) override {
    const Address source = network.address_of(host);
    for (const Duration later : {Duration(0), Duration(milliseconds(3)), Duration(seconds(2))}) {
      network.at(network.now() + network.config().delay + later,
                 [&network, to, source, bytes = std::vector(packet.begin(), packet.end())] {
                   network.inject(to, source, bytes);
                 });
    }
  }
  void on_received(VirtualNetwork&, HostIndex, HostIndex, std::span<const std::byte>,
                   const core::RxOutcome&) override {}
};

TEST(PropertyNeighbours, FourCopiesOfEachPacketDoNoHarm) {
  for (const std::uint64_t seed : seeds(kSeeds / 4)) {
    if (HasFailure()) break;
    World world(seed);
    Copier copier;
    run(world, seed, &copier, [](World&, VirtualNetwork&, RpcWorkload&) {});
  }
}

TEST(PropertyNeighbours, AClientWhoseTranslatorChangesItsPortAllTheTimeLosesNothing) {
  expect_nothing_lost([](World&, VirtualNetwork& network, RpcWorkload&) {
    for (std::uint16_t change = 1; change <= 40; ++change) {
      network.at(at(milliseconds(8 * change)), [&network, change] {
        network.set_address(1,
                            Address::v4(10, 9, 0, 1, static_cast<std::uint16_t>(1'000 + change)));
      });
    }
  });
}

TEST(PropertyNeighbours, HostsWithTwoAddressesMayUseEitherForEachPacket) {
  expect_nothing_lost([](World&, VirtualNetwork& network, RpcWorkload&) {
    for (HostIndex host = 1; host < kHosts; ++host) {
      network.add_address(host, Address::v4(10, 9, 0, static_cast<std::uint8_t>(host)));
    }
  });
}

TEST(PropertyNeighbours, NarrowPathsThatSayNothingEndNoCall) {
  for (const std::uint32_t bytes : {524U, 548U, 556U, 1'228U, 1'252U, 1'260U}) {
    for (const std::uint64_t seed : seeds(kSeeds / 4)) {
      if (HasFailure()) break;
      World world(seed);
      world.network.loss = 0.02;
      world.network.reordering = 0.2;
      world.network.faults_end = at(seconds(1));
      run(world, seed, nullptr, [bytes](World&, VirtualNetwork& network, RpcWorkload&) {
        network.set_path(bytes, false);
      });
    }
  }
}

// The longest requests wait for their turn while many short ones run and are forgotten again.
TEST(PropertyNeighbours, RequestsThatWaitForTheirTurnAreNotTakenForOld) {
  World world(1);
  world.plan.clear();
  world.network.core.finished_ids_max = 1'000;
  world.network.core.link_bits_per_second = 1'000'000'000;
  world.network.core.pacer_fifo_per_mille = 0;
  for (int i = 0; i < 20; ++i) {
    world.plan.push_back({.start = at({}), .client = 1, .request_length = 400'000});
  }
  for (int i = 0; i < 3'000; ++i) {
    world.plan.push_back({.start = at(microseconds(20 * i)), .client = 1});
  }
  for (PlannedRpc& rpc : world.plan) rpc.server = kServer;
  run(world, 1, nullptr, [](World&, VirtualNetwork&, RpcWorkload&) {});
}

// When each call ends whose server answers at once, with a round trip of 200 microseconds.
std::vector<Duration> times_of_calls(const std::vector<std::uint32_t>& response_lengths) {
  World world(1);
  world.network.delay = microseconds(100);
  world.network.core.link_bits_per_second = 0;
  world.plan.clear();
  for (const std::uint32_t length : response_lengths) {
    world.plan.push_back({.start = at(milliseconds(world.plan.size())),
                          .client = 1,
                          .server = kServer,
                          .response_length = length});
  }
  RpcWorkload workload;
  VirtualNetwork network(world.network, workload, nullptr);
  workload.begin(network, world.plan);
  std::vector<Duration> times;
  for (Duration time{0}; times.size() < response_lengths.size() && time < seconds(1);
       time += microseconds(10)) {
    network.run(at(time));
    while (times.size() < workload.completed()) {
      times.push_back(time - milliseconds(times.size()));
    }
  }
  return times;
}

// docs/protocol.md#amplification has these figures.
TEST(PropertyNeighbours, OnlyALongFirstResponseCostsARoundTripAndOnlyOnce) {
  constexpr microseconds kRoundTrip(200);
  EXPECT_EQ(times_of_calls({376, 10'000}), (std::vector<Duration>{kRoundTrip, kRoundTrip}));
  EXPECT_EQ(times_of_calls({10'000, 10'000, 30'000}),
            (std::vector<Duration>{2 * kRoundTrip, kRoundTrip, kRoundTrip}));
}

// --- Forgers ---

// Of any type, in the name of one host to another. `id`: the forger's guess.
std::vector<std::byte> forged(Random& random, bool to_server, std::uint64_t id, Identity identity) {
  wire::CommonHeader header;
  header.source_port = to_server ? Port{40'000} : RpcWorkload::kServerPort;
  header.destination_port = to_server ? RpcWorkload::kServerPort : Port{40'000};
  header.sender_id = WireId{(id & ~std::uint64_t{1}) | (to_server ? 0U : 1U)};
  header.identity = identity;
  wire::HeaderBuffer buffer;
  std::size_t size = 0;
  const auto any = static_cast<std::uint32_t>(random.next());
  switch (random.below(12)) {
    case 0: size = encode(wire::BusyHeader{header}, buffer); break;
    case 1: size = encode(wire::UnknownHeader{header}, buffer); break;
    case 2: size = encode(wire::NeedAckHeader{header}, buffer); break;
    case 3:
      size = encode(wire::ErrorHeader{header, static_cast<std::uint8_t>(any % 24), 0}, buffer);
      break;
    case 4: size = encode(wire::AnswerHeader{header, random.next()}, buffer); break;
    case 5: size = encode(wire::ChallengeHeader{header, random.next()}, buffer); break;
    case 6: size = encode(wire::GrantHeader{header, any, 7}, buffer); break;
    case 7: size = encode(wire::ResendHeader{header, 0, wire::kEverythingSent, 7}, buffer); break;
    case 8: size = encode(wire::FreezeHeader{header}, buffer); break;
    case 9: {
      wire::AckHeader ack;
      ack.common = header;
      size = encode(ack, buffer);
      break;
    }
    case 10: {
      wire::QueryHeader query;
      query.common = header;
      size = encode(query, buffer);
      break;
    }
    default: {
      wire::StatusHeader status;
      status.common = header;
      size = encode(status, buffer);
    }
  }
  return {buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(size)};
}

// Remembers the ids that are on the wire, and what the first packets were.
class Listener : public Observer {
 public:
  struct Heard {
    HostIndex from, to;
    std::vector<std::byte> packet;
  };
  void on_sent(VirtualNetwork&, HostIndex from, HostIndex to,
               std::span<const std::byte> packet) override {
    heard.push_back({from, to, {packet.begin(), packet.end()}});
  }
  void on_received(VirtualNetwork&, HostIndex, HostIndex, std::span<const std::byte>,
                   const core::RxOutcome&) override {}
  std::vector<Heard> heard;
};

// Somebody guesses every id right. He does not know the identity: packets change nothing.
TEST(PropertyNeighbours, WhoGuessesIdsAndNotIdentitiesChangesNothing) {
  for (const std::uint64_t seed : seeds(kSeeds)) {
    if (HasFailure()) break;
    World world(seed);
    // Before the first answer, an id is all that a server shows.
    for (HostIndex client = 1; client < kHosts; ++client) {
      world.plan.push_back({.start = at({}), .client = client, .server = kServer});
    }
    Listener listener;
    run(world, seed, &listener, [&listener](World& some, VirtualNetwork& network, RpcWorkload&) {
      for (int i = 0; i < 500; ++i) {
        const Time when = std::max(some.moment(), at(milliseconds(2)));
        network.at(when, [&some, &network, &listener] {
          const auto& seen = listener.heard[some.random.below(listener.heard.size())];
          const auto common = wire::parse_common(seen.packet);
          if (!common) return;
          const bool to_server = seen.to == kServer;
          std::vector<std::byte> packet = forged(some.random, to_server, raw(common->sender_id),
                                                 Identity{some.random.next() | 1ULL << 40});
          std::copy_n(seen.packet.begin(), 4, packet.begin());  // the right ports
          network.inject(seen.to, network.address_of(seen.from), packet);
        });
      }
    });
  }
}

// In the name of a client that is gone, and with all that identifies it.
TEST(PropertyNeighbours, WhoAsksForTheSameBytesWithoutEndGetsAShareOfTheLink) {
  constexpr std::uint32_t kLength = 200'000;
  World world(1);
  world.network.core.link_bits_per_second = 1'000'000'000;
  world.plan = {
      {.start = at({}), .client = 1, .server = kServer},
      {.start = at(milliseconds(1)), .client = 1, .server = kServer, .response_length = kLength}};
  Listener listener;
  RpcWorkload workload;
  VirtualNetwork network(world.network, workload, &listener);
  workload.begin(network, world.plan);
  network.run(at(microseconds(2'200)));
  network.set_unplugged(1, true);
  const auto last = std::find_if(listener.heard.rbegin(), listener.heard.rend(), [](auto& seen) {
    return seen.from == 1 && wire::parse_common(seen.packet)->type == wire::PacketType::kGrant;
  });
  ASSERT_NE(last, listener.heard.rend());
  wire::HeaderBuffer buffer;
  const std::size_t size = encode(
      wire::ResendHeader{*wire::parse_common(last->packet), 0, kLength, kHighestPriority}, buffer);
  for (int i = 0; i < 2'000; ++i) {
    network.at(at(milliseconds(3) + microseconds(500 * i)), [&] {
      network.inject(kServer, network.address_of(1), std::span(buffer).first(size));
    });
  }
  network.run(at(milliseconds(1'003)));
  const std::uint64_t again = network.counters(kServer).retransmitted_bytes;
  EXPECT_GE(again, 8ULL * kLength);
  EXPECT_LE(again, 9ULL * kLength + 1'000'000'000ULL / 8 / 64 * 12 / 10);
  EXPECT_GT(network.counters(kServer).resends_refused, 0U);
}

// A recorded conversation is played back to both sides, while they talk and afterwards.
TEST(PropertyNeighbours, AConversationThatIsPlayedBackDoesNoHarm) {
  for (const std::uint64_t seed : seeds(kSeeds / 4)) {
    if (HasFailure()) break;
    World world(seed);
    Listener listener;
    run(world, seed, &listener, [&listener](World&, VirtualNetwork& network, RpcWorkload&) {
      for (const auto when : {milliseconds(100), milliseconds(300), milliseconds(5'000)}) {
        network.at(at(when), [&network, &listener] {
          const std::size_t so_far = listener.heard.size();
          for (std::size_t i = 0; i < so_far; ++i) {
            const Listener::Heard seen = listener.heard[i];
            // What an end of an RPC says is true whoever repeats it, so it is left out.
            const auto common = wire::parse_common(seen.packet);
            if (common && common->type == wire::PacketType::kError) continue;
            network.inject(seen.to, network.address_of(seen.from), seen.packet);
          }
        });
      }
    });
  }
}

// Between our hosts and in the name of kernels: ids and identities are guesses.
TEST(PropertyNeighbours, AStormOfForgedPacketsOfEveryTypeChangesNothing) {
  expect_nothing_lost([](World& world, VirtualNetwork& network, RpcWorkload&) {
    for (int i = 0; i < 2'000; ++i) {
      network.at(world.moment(), [&world, &network] {
        const HostIndex to = world.random.below(kHosts);
        const bool to_server = to == kServer;
        const HostIndex from = to_server ? world.random.between(1, kHosts - 1) : kServer;
        const Identity identity =
            world.random.chance(0.3) ? kNoIdentity : Identity{world.random.next() | 1ULL << 40};
        network.inject(to, network.address_of(from),
                       forged(world.random, to_server, world.random.next(), identity));
      });
    }
  });
}

}  // namespace
}  // namespace homa::test
