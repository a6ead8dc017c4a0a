// The small leaves: pacer, priorities, timers, acks, peers, finished ids.
#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "core/ack_book.h"
#include "core/downlink.h"
#include "core/finished_ids.h"
#include "core/pacer.h"
#include "core/peer_table.h"
#include "core/priority_map.h"
#include "core/questions.h"
#include "core/retry_timers.h"

namespace homa::core {
namespace {

constexpr Time at(std::int64_t nanoseconds) { return Time{Duration{nanoseconds}}; }

TEST(Pacer, LetsNoMoreIntoTheNicThanTheBacklogAllows) {
  CoreConfig config;  // 10 Gbit/s, 5 us
  Pacer pacer(config);
  int packets = 0;
  while (pacer.may_send(at(0), {}) && packets < 100) {
    pacer.charge(at(0), 1480);
    ++packets;
  }
  EXPECT_EQ(packets, 5);  // 1538 bytes take 1.24 us: the fifth begins before 5 us
  EXPECT_FALSE(pacer.may_send(at(1'000), {}));
  EXPECT_TRUE(pacer.may_send(pacer.next_chance(at(0)), {}));
}

TEST(Pacer, KeepsTheLinkAtItsShareOverTime) {
  CoreConfig config;
  Pacer pacer(config);
  std::uint64_t wire_bytes = 0;
  Time now{};
  while (now < at(10'000'000)) {
    while (pacer.may_send(now, {})) {
      pacer.charge(now, 1480);
      wire_bytes += 1480 + config.packet_overhead_bytes;
    }
    now = pacer.next_chance(now);
  }
  const double gigabits = static_cast<double>(wire_bytes) * 8 / 10e6;
  EXPECT_NEAR(gigabits, 9.9, 0.02);
}

TEST(Pacer, StopsWhenTheDeviceSaysThatItIsFull) {
  CoreConfig config;
  config.device_queue_bytes_max = 10'000;
  const Pacer pacer(config);
  EXPECT_TRUE(pacer.may_send(at(0), {9'999}));
  EXPECT_FALSE(pacer.may_send(at(0), {10'000}));
  EXPECT_GT(pacer.next_chance(at(0)), at(0));
}

TEST(Questions, OnePerFourPacketsHeardAndTwoInEachTick) {
  constexpr Duration kTick{1'000'000};
  Questions questions;
  const auto ask_all = [&](std::int64_t time) {
    int asked = 0;
    while (asked < 1'000 && questions.ask(at(time), kTick)) ++asked;
    return asked;
  };
  EXPECT_EQ(ask_all(1'000'000), 64);
  EXPECT_EQ(ask_all(1'900'000), 0);
  EXPECT_EQ(ask_all(2'000'000), 2);
  for (int i = 0; i < 40; ++i) questions.heard();
  EXPECT_EQ(ask_all(2'500'000), 10);
  for (int i = 0; i < 10'000; ++i) questions.heard();
  EXPECT_EQ(ask_all(3'500'000), 64);
}

TEST(Downlink, IsIdleOnlyWhenNothingExplainsATick) {
  const CoreConfig config;  // 10 Gbit/s: 1538 bytes take 1.23 us
  Downlink link(config);
  Time now = at(10'000'000);
  for (int i = 0; i < 5'000; ++i) {  // 6.15 ms at the link's rate
    link.received(now, 1480);
    now += Duration(1'230);
  }
  EXPECT_FALSE(link.idle_since(now, at(10'000'001)));
  EXPECT_TRUE(link.idle_since(now, at(10'000'000)));            // before the first of them
  EXPECT_FALSE(link.idle_since(now + Duration(900'000), now));  // a batch may be due
  EXPECT_TRUE(link.idle_since(now + Duration(2'100'000), now));
}

TEST(Downlink, ALinkThatIsHalfFullFallsIdle) {
  const CoreConfig config;
  Downlink link(config);
  Time now = at(10'000'000);
  for (int i = 0; i < 5'000; ++i) {
    link.received(now, 1480);
    now += Duration(2'460);
  }
  EXPECT_TRUE(link.idle_since(now, now - Duration(3'000'000)));
}

TEST(Downlink, OnASlowLinkOnePacketAtATimeKeepsItBusy) {
  CoreConfig config;
  config.link_bits_per_second = 1'000'000;
  Downlink link(config);
  Time now = at(1'000'000'000);
  for (int i = 0; i < 20; ++i) {
    link.received(now, 1480);
    now += Duration(12'304'000);
  }
  EXPECT_FALSE(link.idle_since(now, at(1'000'000'001)));
}

TEST(Downlink, OfUnknownRateExplainsNothing) {
  CoreConfig config;
  config.link_bits_per_second = 0;
  Downlink link(config);
  link.received(at(1'000), 1480);
  EXPECT_TRUE(link.idle_since(at(1'000), at(1'000)));
}

TEST(Priorities, UnscheduledByTheDefaultCutoffs) {
  const CoreConfig config;
  EXPECT_EQ(unscheduled_priority(config.cutoffs, 1), 7);
  EXPECT_EQ(unscheduled_priority(config.cutoffs, 200), 7);
  EXPECT_EQ(unscheduled_priority(config.cutoffs, 201), 6);
  EXPECT_EQ(unscheduled_priority(config.cutoffs, 15'000), 5);
  EXPECT_EQ(unscheduled_priority(config.cutoffs, 1'000'000), 4);
  EXPECT_EQ(unscheduled_priority(Cutoffs{}, 1), 0) << "cutoffs that make no sense harm nobody";
}

TEST(Priorities, ScheduledFillTheLevelsBelowFromTheBottom) {
  const CoreConfig config;
  const PriorityMap map(8, config.cutoffs);
  EXPECT_EQ(map.scheduled(0, 1), 0);
  EXPECT_EQ(map.scheduled(0, 4), 3);
  EXPECT_EQ(map.scheduled(3, 4), 0);
  EXPECT_EQ(map.scheduled(0, 8), 3);
  EXPECT_EQ(map.scheduled(7, 8), 0);
}

TEST(Priorities, FewerLevelsAreTheHighestOnes) {
  const CoreConfig config;
  const PriorityMap one(1, config.cutoffs);
  EXPECT_EQ(unscheduled_priority(one.cutoffs(), 1'000'000), 7);
  EXPECT_EQ(one.scheduled(0, 3), 7);
  EXPECT_EQ(one.unscheduled_default(), 7);
}

TEST(Priorities, CutoffsFollowTheTraffic) {
  const CoreConfig config;
  PriorityMap map(8, config.cutoffs);
  for (int i = 0; i < 2'000; ++i) map.count(100, 100);
  EXPECT_TRUE(map.recompute(1'000));
  // All bytes are unscheduled: seven levels for them, one left for grants; one size fills the
  // first.
  EXPECT_GE(map.cutoffs()[7], 100U);
  EXPECT_EQ(map.cutoffs()[0], 0U);
  const auto version = map.version();
  for (int i = 0; i < 2'000; ++i) map.count(100, 100);
  EXPECT_FALSE(map.recompute(1'000)) << "nothing moved";
  EXPECT_EQ(map.version(), version);
}

TEST(Priorities, UnscheduledLevelsCarryEqualBytesShortestHighest) {
  const CoreConfig config;
  PriorityMap map(8, config.cutoffs);
  std::mt19937 random(1);
  std::vector<std::uint32_t> lengths;
  for (int i = 0; i < 20'000; ++i) {
    const std::uint32_t length = 1U << (random() % 15);
    lengths.push_back(length);
    map.count(2 * length, length);  // half of the bytes are unscheduled: four levels
  }
  ASSERT_TRUE(map.recompute(1'000));
  std::array<double, 8> bytes{};
  for (const std::uint32_t length : lengths) {
    bytes[unscheduled_priority(map.cutoffs(), 2 * length)] += length;
  }
  EXPECT_EQ(bytes[3] + bytes[2] + bytes[1] + bytes[0], 0);
  for (std::size_t level = 5; level < 8; ++level) {
    EXPECT_GT(map.cutoffs()[level - 1], map.cutoffs()[level]);
    EXPECT_GT(bytes[level], 0);
  }
}

TEST(Priorities, TooFewMessagesChangeNothing) {
  PriorityMap map(8, CoreConfig{}.cutoffs);
  for (int i = 0; i < 999; ++i) map.count(100, 100);
  EXPECT_FALSE(map.recompute(1'000));
}

TEST(RetryTimers, FireInOrderAndNotBeforeTheirTime) {
  RetryTimers timers(Duration{1'000'000});
  std::array<Timer, 3> timer;
  timers.arm(at(0), timer[0], at(7'500'000));
  timers.arm(at(0), timer[1], at(5'000'000));
  timers.arm(at(0), timer[2], at(5'000'001));
  EXPECT_EQ(timers.next_deadline(), at(5'000'000));
  EXPECT_EQ(timers.expire(at(4'999'999)), nullptr);
  EXPECT_EQ(timers.expire(at(5'000'000)), &timer[1]);
  EXPECT_EQ(timers.expire(at(5'000'000)), nullptr);
  EXPECT_EQ(timers.expire(at(20'000'000)), &timer[2]);
  EXPECT_EQ(timers.expire(at(20'000'000)), &timer[0]);
  EXPECT_EQ(timers.next_deadline(), kNever);
}

TEST(RetryTimers, NeverLateWhateverTheOrderOfCalls) {
  RetryTimers timers(Duration{1'000'000});
  std::mt19937_64 random(9);
  std::vector<Timer> pool(200);
  std::vector<std::int64_t> due(pool.size(), -1);
  std::int64_t now = 0;
  for (int step = 0; step < 50'000; ++step) {
    const std::size_t pick = random() % pool.size();
    switch (random() % 4) {
      case 0: {
        const auto wait = static_cast<std::int64_t>(random() % 700'000'000);
        timers.arm(at(now), pool[pick], at(now + wait));
        due[pick] = now + wait;
        break;
      }
      case 1:
        timers.disarm(pool[pick]);
        due[pick] = -1;
        break;
      default:
        now += static_cast<std::int64_t>(random() % 30'000'000);
        if (random() % 500 == 0) now += 2'000'000'000;  // nobody called for a long time
        while (Timer* timer = timers.expire(at(now))) {
          const auto index = static_cast<std::size_t>(timer - pool.data());
          ASSERT_GE(due[index], 0);
          if (due[index] > now) {  // the horizon: early is harmless
            timers.arm(at(now), *timer, at(due[index]));
          } else {
            due[index] = -1;
          }
        }
        for (const std::int64_t time : due) ASSERT_GT(time < 0 ? now + 1 : time + 1'000'000, now);
    }
  }
  for (Timer& timer : pool) timers.disarm(timer);
}

TEST(AckBook, HoldsFiveAndGivesThemOneByOneOrAllTogether) {
  AckBook book;
  EXPECT_EQ(raw(book.take_one().client_id), 0U);
  for (std::uint64_t id = 2; id <= 10; id += 2) book.add({WireId{id}, Port{4000}});
  EXPECT_TRUE(book.full());
  EXPECT_NE(raw(book.take_one().client_id), 0U);
  wire::AckHeader packet;
  book.take_all(packet);
  EXPECT_EQ(packet.count, 4);
  EXPECT_EQ(book.size(), 0U);
}

TEST(PeerTable, CollectsOnlyIdlePeersAndOnlyWhenThereAreMany) {
  CoreConfig config;
  config.peers_max = 10;
  PeerTable peers(config);
  std::uint32_t collected = 0;
  const auto address = [](unsigned i) {
    return Address::v4(10, 0, 0, static_cast<std::uint8_t>(i));
  };
  for (unsigned i = 0; i < 10; ++i) peers.get(at(0), address(i), collected);
  Peer* busy = peers.get(at(0), address(0), collected);
  busy->rpcs = 1;
  peers.get(at(1'000'000'000), address(100), collected);
  EXPECT_EQ(collected, 0U) << "nobody is idle yet";
  peers.get(at(130'000'000'000), address(101), collected);
  EXPECT_GT(collected, 0U);
  EXPECT_EQ(peers.find(address(0)), busy);
  EXPECT_EQ(peers.find(address(1)), nullptr);
}

TEST(PeerTable, IsBoundedAgainstInventedAddresses) {
  CoreConfig config;
  config.peers_max = 10;
  PeerTable peers(config);
  std::uint32_t collected = 0;
  int refused = 0;
  for (unsigned i = 0; i < 200; ++i) {
    if (peers.get(at(0), Address::v4(10, 1, 0, static_cast<std::uint8_t>(i)), collected) ==
        nullptr) {
      ++refused;
    }
  }
  EXPECT_GT(refused, 0);
  EXPECT_LE(peers.size(), 40U);
}

TEST(FinishedIds, RefusesWhatRanEvenAfterItLeftTheRing) {
  CoreConfig config;
  PeerTable peers(config);
  std::uint32_t collected = 0;
  Peer& peer = *peers.get(at(0), Address::v4(10, 0, 0, 1), collected);
  peer.incarnation = 5;
  FinishedIds finished(8);
  for (std::uint64_t id = 100; id < 200; id += 2) finished.add(peer, WireId{id});
  for (std::uint64_t id = 100; id < 200; id += 2)
    EXPECT_TRUE(finished.may_have_run(peer, WireId{id}));
  EXPECT_FALSE(finished.may_have_run(peer, WireId{200}));
  peers.restart(peer, 6);
  EXPECT_FALSE(finished.may_have_run(peer, WireId{150})) << "a new engine starts its ids anew";
}

TEST(FinishedIds, AKernelsLowIdsAreNewAgainAfterItsRestart) {
  CoreConfig config;
  PeerTable peers(config);
  std::uint32_t collected = 0;
  Peer& kernel = *peers.get(at(0), Address::v4(10, 0, 0, 1), collected);
  FinishedIds finished(8);
  for (std::uint64_t id = 100; id < 200; id += 2) finished.add(kernel, WireId{id});
  EXPECT_FALSE(finished.may_have_run(kernel, WireId{2}));
  EXPECT_TRUE(finished.may_have_run(kernel, WireId{198}));
}

}  // namespace
}  // namespace homa::core
