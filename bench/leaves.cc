// bench_leaves: what one operation of each leaf costs, alone and warm: nanoseconds on the thread's
// own clock, the median of many short windows and the best one.
//
//   bench_leaves [--leaf NAME] [--seconds S]
#include <time.h>

#include <CLI/CLI.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "base/region_allocator.h"
#include "channel/layout.h"
#include "channel/ring.h"
#include "core/finished_ids.h"
#include "core/grant_scheduler.h"
#include "core/message_in.h"
#include "core/peer_table.h"
#include "core/retry_timers.h"
#include "core/rpc_table.h"
#include "core/send_queue.h"
#include "report.h"
#include "wire/codec.h"

namespace homa::bench {
namespace {

constexpr std::uint32_t kOperations = 2'000;  // in a window
constexpr std::uint32_t kPayload = 1'424;

// The compiler must believe that `value` is used.
template <typename T>
void keep(const T& value) {
  asm volatile("" : : "r"(&value) : "memory");
}

double cpu_nanoseconds() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

class Runner {
 public:
  Runner(std::string only, double seconds) : only_(std::move(only)), seconds_(seconds) {}

  bool wanted(const std::string& leaf) const { return only_.empty() || leaf == only_; }

  // `operation(i)` is called with 0, 1, 2, ...; `live`: how many things the leaf holds meanwhile.
  template <typename Operation>
  void measure(const std::string& leaf, const std::string& what, std::size_t live,
               Operation operation) const {
    std::vector<double> nanoseconds;
    std::uint64_t next = 0;
    double total = 0;
    while (total < seconds_ * 1e9) {
      const double start = cpu_nanoseconds();
      for (std::uint32_t i = 0; i < kOperations; ++i) operation(next++);
      const double took = cpu_nanoseconds() - start;
      total += took;
      nanoseconds.push_back(took / kOperations);
    }
    std::sort(nanoseconds.begin(), nanoseconds.end());
    report("leaf." + leaf, {{"operation", what}, {"live", live}},
           {{"median_ns", nanoseconds[nanoseconds.size() / 2]}, {"best_ns", nanoseconds.front()}});
  }

 private:
  std::string only_;
  double seconds_;
};

constexpr std::array<std::uint32_t, 3> kLive = {1, 100, 10'000};

Address host(std::uint32_t number) {
  return Address::v4(10, 1, static_cast<std::uint8_t>(number >> 8),
                     static_cast<std::uint8_t>(number));
}

void codec(const Runner& runner) {
  wire::HeaderBuffer buffer{};
  wire::DataHeader data;
  data.common.sender_id = WireId{1234};
  data.message_length = 100;
  runner.measure("codec", "encode DATA", 1, [&](std::uint64_t i) {
    data.common.sequence = static_cast<std::uint32_t>(i);
    keep(wire::encode(data, buffer));
  });
  std::array<std::byte, 256> packet{};
  data.common.sequence = 0;
  wire::encode(data, buffer);
  std::copy_n(std::as_bytes(std::span(buffer)).begin(), wire::kDataHeaderBytes, packet.begin());
  const std::span<const std::byte> bytes = std::span(packet).first(wire::kDataHeaderBytes + 100);
  runner.measure("codec", "parse DATA", 1, [&](std::uint64_t) {
    const auto parsed = wire::parse_data(bytes);
    keep(parsed);
  });
  wire::GrantHeader grant;
  runner.measure("codec", "encode GRANT", 1, [&](std::uint64_t i) {
    grant.offset = static_cast<std::uint32_t>(i);
    keep(wire::encode(grant, buffer));
  });
}

void message_in(const Runner& runner) {
  constexpr std::uint32_t kPackets = 700;
  core::MessageIn message;
  runner.measure("message_in", "packet in order", 1, [&](std::uint64_t i) {
    const auto at = static_cast<std::uint32_t>(i % kPackets) * kPayload;
    if (at == 0) message.start(kPackets * kPayload);
    keep(message.add({at, at + kPayload}));
  });
  // Every second packet first, then the holes: as many gaps as a bad network leaves.
  constexpr std::uint32_t kHoles = 64;
  runner.measure("message_in", "packet that opens or fills a gap", kHoles, [&](std::uint64_t i) {
    const auto turn = static_cast<std::uint32_t>(i % (2 * kHoles));
    if (turn == 0) message.start(2 * kHoles * kPayload);
    const std::uint32_t at = (turn < kHoles ? 2 * turn + 1 : 2 * (turn - kHoles)) * kPayload;
    keep(message.add({at, at + kPayload}));
  });
}

void send_queue(const Runner& runner) {
  for (const std::uint32_t live : kLive) {
    core::SendQueue queue(1'000, 50);
    std::deque<core::MessageOut> messages(live);
    std::uint64_t age = 0;
    const auto start = [&](core::MessageOut& message) {
      const auto packets = static_cast<std::uint32_t>(1 + age * 7919 % 64);
      message.start(packets * kPayload, packets * kPayload, core::TransmitToken{}, age, kPayload);
      ++age;
      queue.update(message);
    };
    for (core::MessageOut& message : messages) start(message);
    runner.measure("send_queue", "take a packet by SRPT", live, [&](std::uint64_t) {
      core::MessageOut& message = *queue.next_paced();
      const core::ByteRange bytes = message.next_packet();
      queue.take(message, bytes.size());
      message.note_sent(bytes, Time{});
      queue.take_done(message);
      if (message.all_sent()) start(message);
    });
    for (core::MessageOut& message : messages) queue.remove(message);
  }
  core::SendQueue queue(1'000, 50);
  core::MessageOut message;
  runner.measure("send_queue", "short message in and out", 1, [&](std::uint64_t i) {
    message.start(100, 100, core::TransmitToken{}, i, kPayload);
    queue.update(message);
    message.note_sent(queue.next_small()->next_packet(), Time{});
    queue.update(message);
  });
}

void grant_scheduler(const Runner& runner) {
  for (const std::uint32_t live : kLive) {
    core::CoreConfig config;
    const core::PriorityMap priorities(config.priorities, config.cutoffs);
    core::GrantScheduler scheduler(config, priorities);
    std::vector<core::PeerGrants> peers(std::min(live, 100U));
    std::deque<core::GrantState> states(live);
    std::uint64_t age = 0;
    const auto start = [&](core::GrantState& state) {
      const auto packets = static_cast<std::uint32_t>(40 + age * 7919 % 600);
      state.length = packets * kPayload;
      state.received = 0;
      state.granted = 30 * kPayload;
      state.peer = &peers[age % peers.size()];
      state.age = age++;
      scheduler.add(state);
    };
    for (core::GrantState& state : states) start(state);
    // What it granted arrives at once: a packet of the message that was granted last.
    core::GrantState* granted = &states.front();
    runner.measure("grant_scheduler", "packet in, grant out", live, [&](std::uint64_t) {
      core::GrantState& state = *granted;
      const std::uint32_t received = std::min(state.received + kPayload, state.length);
      scheduler.on_received(state, received, received);
      if (received == state.length) {
        scheduler.remove(state);
        start(state);
      }
      while (const auto grant = scheduler.next()) granted = grant->state;
      if (granted->received >= granted->granted) granted = &state;
    });
    for (core::GrantState& state : states) scheduler.remove(state);
  }
}

void tables(const Runner& runner) {
  core::CoreConfig config;
  for (const std::uint32_t live : kLive) {
    std::mt19937_64 random(1);
    core::PeerTable peers(config, random);
    std::uint32_t collected = 0;
    std::vector<Identity> identities;
    for (std::uint32_t i = 0; i < std::min(live, 4'000U); ++i) {
      identities.push_back(Identity{random()});
      keep(peers.add(Time{}, identities.back(), host(i), collected));
    }
    if (runner.wanted("peer_table")) {
      runner.measure("peer_table", "find", identities.size(), [&](std::uint64_t i) {
        const std::size_t which = i * 7919 % identities.size();
        keep(peers.find(identities[which], host(static_cast<std::uint32_t>(which))));
      });
    }
    if (!runner.wanted("rpc_table")) continue;
    core::Peer& peer = *peers.find(identities.front(), host(0));
    core::RpcTable table(config.rpcs_max, 1, peers.hash_key());
    std::vector<core::Rpc*> rpcs;
    for (std::uint32_t i = 0; i < live; ++i) {
      rpcs.push_back(table.add_served(peer, WireId{std::uint64_t{i} << 21}, Port{1}));
    }
    std::uint64_t id = live;
    runner.measure("rpc_table", "served: add, find, remove", live, [&](std::uint64_t i) {
      core::Rpc*& rpc = rpcs[i % live];
      table.remove(*rpc);
      rpc = table.add_served(peer, WireId{++id << 21}, Port{1});
      keep(table.find_served(peer, rpc->client_id, Port{1}));
    });
    for (core::Rpc* rpc : rpcs) table.remove(*rpc);
    runner.measure("rpc_table", "ours: add, find, remove", 1, [&](std::uint64_t) {
      core::Rpc* rpc = table.add_client(peer);
      keep(table.find_client(rpc->client_id));
      table.remove(*rpc);
    });
  }
}

void retry_timers(const Runner& runner) {
  constexpr Duration kTick{1'000'000};
  for (const std::uint32_t live : kLive) {
    core::RetryTimers timers(kTick);
    std::deque<core::Timer> all(live);
    runner.measure("retry_timers", "arm anew", live, [&](std::uint64_t i) {
      const Time now = Time{} + Duration(i * 100);
      timers.arm(now, all[i % live], now + 5 * kTick);
      keep(timers.next_deadline());
    });
    runner.measure("retry_timers", "fire and arm again", live, [&](std::uint64_t i) {
      const Time now = Time{} + kTick * (1000 + i / live);
      if (core::Timer* timer = timers.expire(now)) timers.arm(now, *timer, now + kTick);
    });
    for (core::Timer& timer : all) timers.disarm(timer);
  }
}

void finished_ids(const Runner& runner) {
  core::CoreConfig config;
  std::mt19937_64 random(1);
  core::PeerTable peers(config, random);
  std::uint32_t collected = 0;
  core::Peer& peer = *peers.add(Time{}, Identity{random()}, host(1), collected);
  core::FinishedIds finished(config.finished_ids_max, peers.hash_key());
  runner.measure("finished_ids", "ask, then add", config.finished_ids_max, [&](std::uint64_t i) {
    const WireId id{(i + 1) << 21};
    keep(finished.may_have_run(peer, id));
    finished.add(peer, id);
  });
}

void region_allocator(const Runner& runner) {
  for (const std::uint32_t bytes : {100U, 100'000U}) {
    base::RegionAllocator region(64 << 20);
    runner.measure("region_allocator", "allocate and free " + std::to_string(bytes) + " B", 1,
                   [&](std::uint64_t) {
                     const auto offset = region.allocate(bytes);
                     keep(region.free(*offset, bytes));
                   });
  }
}

void ring(const Runner& runner) {
  std::vector<channel::Submission> entries(1024);
  std::atomic<std::uint64_t> tail{0}, head{0};
  channel::RingWriter<channel::Submission> writer(entries, tail, head);
  channel::RingReader<channel::Submission> reader(entries, tail, head);
  channel::Submission submission;
  runner.measure("ring", "push, publish, pop, publish", 1, [&](std::uint64_t i) {
    submission.handle = i;
    writer.push(submission);
    writer.publish();
    reader.pop(&submission);
    reader.publish();
    keep(submission);
  });
}

struct Leaf {
  const char* name;
  void (*run)(const Runner&);
};
constexpr std::array<Leaf, 8> kLeaves = {{{"codec", codec},
                                          {"message_in", message_in},
                                          {"send_queue", send_queue},
                                          {"grant_scheduler", grant_scheduler},
                                          {"retry_timers", retry_timers},
                                          {"finished_ids", finished_ids},
                                          {"region_allocator", region_allocator},
                                          {"ring", ring}}};

int main(int argc, char** argv) {
  std::string only;
  double seconds = 0.05;
  CLI::App app("What one operation of each leaf costs");
  app.add_option("--leaf", only, "only this one");
  app.add_option("--seconds", seconds, "per operation");
  CLI11_PARSE(app, argc, argv);
  const Runner runner(only, seconds);
  for (const Leaf& leaf : kLeaves) {
    if (runner.wanted(leaf.name)) leaf.run(runner);
  }
  if (runner.wanted("rpc_table") || runner.wanted("peer_table")) tables(runner);
  return 0;
}

}  // namespace
}  // namespace homa::bench

int main(int argc, char** argv) { return homa::bench::main(argc, argv); }
