#include "sim/network.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace homa::sim {
namespace {

constexpr std::uint32_t kBytes = 1'538;
constexpr SimTime kSerialization{kBytes * 800};  // on a link of 10 Gbit/s

TopologyConfig one_switch(std::uint32_t hosts) {
  TopologyConfig topology;
  topology.kind = TopologyKind::kSingleSwitch;
  topology.hosts = hosts;
  topology.racks = 1;
  return topology;
}

// A network and a loop that moves its packets. Hosts only note what they receive.
class NetworkTest : public ::testing::Test {
 protected:
  struct Delivery {
    SimTime time;
    std::uint64_t token;
    bool marked;
  };

  void build(const TopologyConfig& topology, const SwitchConfig& switches = {}) {
    network_ = std::make_unique<Network>(topology, switches, 1, events_, packets_);
  }
  void send(SimTime now, HostId from, HostId to, std::uint64_t token, Priority priority = 0) {
    const PacketId id = packets_.take();
    Packet& packet = packets_[id];
    packet.source = static_cast<std::uint16_t>(from);
    packet.destination = static_cast<std::uint16_t>(to);
    packet.priority = priority;
    packet.wire_bytes = kBytes;
    packet.token = token;
    packet.flow_hash = from;
    packet.ecn_capable = true;
    network_->send(now, from, id);
  }
  void run() {
    for (Event event; events_.pop(event);) {
      if (event.kind == EventKind::kPortFree) {
        network_->on_port_free(event.time, event.target);
      } else if (!network_->is_host(event.target)) {
        network_->on_switch_arrival(event.time, event.target, event.value);
      } else if (network_->delivers(event.target)) {
        const Packet& packet = packets_[event.value];
        delivered_.push_back({event.time, packet.token, packet.ecn_marked});
        packets_.give_back(event.value);
      } else {
        packets_.give_back(event.value);
      }
    }
    EXPECT_EQ(packets_.in_use(), 0U) << "packets leaked";
    EXPECT_EQ(network_->queued_bytes(), 0U);
  }
  std::size_t place_of(std::uint64_t token) const {
    const auto found = std::find_if(delivered_.begin(), delivered_.end(),
                                    [&](const Delivery& one) { return one.token == token; });
    return static_cast<std::size_t>(found - delivered_.begin());
  }

  EventQueue events_;
  PacketPool packets_;
  std::unique_ptr<Network> network_;
  std::vector<Delivery> delivered_;
};

TEST_F(NetworkTest, APacketTakesItsLinksAndFixedDelays) {
  build(one_switch(2));
  send(SimTime(0), 0, 1, 7);
  run();
  ASSERT_EQ(delivered_.size(), 1U);
  EXPECT_EQ(delivered_[0].time, 2 * kSerialization + SimTime(500'000 + 250'000 + 500'000));
  EXPECT_EQ(network_->counters().forwarded, 1U);
}

TEST_F(NetworkTest, ANicSendsInOrderWhateverThePriority) {
  build(one_switch(2));
  for (std::uint64_t i = 0; i < 3; ++i)
    send(SimTime(0), 0, 1, i, i == 2 ? Priority{7} : Priority{0});
  run();
  ASSERT_EQ(delivered_.size(), 3U);
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(delivered_[i].token, i);
  EXPECT_EQ(delivered_[2].time - delivered_[1].time, kSerialization);
}

TEST_F(NetworkTest, ASwitchSendsTheHighestPriorityFirst) {
  build(one_switch(4));
  for (const HostId host : {0U, 1U, 2U}) {
    for (std::uint64_t i = 0; i < 3; ++i) send(SimTime(0), host, 3, host * 10 + i);
  }
  send(3 * kSerialization, 0, 3, 99, 7);  // behind nine packets for the same link
  run();
  ASSERT_EQ(delivered_.size(), 10U);
  EXPECT_LE(place_of(99), 4U);
}

TEST_F(NetworkTest, WithoutPrioritiesASwitchIsOneFifo) {
  SwitchConfig switches;
  switches.strict_priorities = false;
  build(one_switch(4), switches);
  for (const HostId host : {0U, 1U, 2U}) {
    for (std::uint64_t i = 0; i < 3; ++i) send(SimTime(0), host, 3, host * 10 + i);
  }
  send(3 * kSerialization, 0, 3, 99, 7);
  run();
  EXPECT_EQ(place_of(99), 9U);
}

TEST_F(NetworkTest, AFullPortDropsAndCounts) {
  SwitchConfig switches;
  switches.buffer = BufferKind::kPerPort;
  switches.buffer_bytes = 2'000;  // one packet waits
  build(one_switch(5), switches);
  for (const HostId host : {0U, 1U, 2U, 3U}) send(SimTime(0), host, 4, host);
  run();
  EXPECT_EQ(delivered_.size(), 2U);
  EXPECT_EQ(network_->counters().dropped_buffer, 2U);
}

TEST_F(NetworkTest, ASharedBufferBelongsToAllPortsOfASwitch) {
  SwitchConfig switches;
  switches.buffer = BufferKind::kShared;
  switches.buffer_bytes = 2 * kBytes;
  switches.shared_percent = 10'000;
  build(one_switch(6), switches);
  // Three packets for each of two hosts: one on each link, two wait, two find no room.
  for (const HostId host : {0U, 1U, 2U}) {
    send(SimTime(0), host, 4, host);
    send(SimTime(0), host + 1, 5, host + 10);
  }
  run();
  EXPECT_GT(network_->counters().dropped_buffer, 0U);
  EXPECT_EQ(delivered_.size() + network_->counters().dropped_buffer, 6U);
}

TEST_F(NetworkTest, PacketsThatMeetALongQueueAreMarked) {
  SwitchConfig switches;
  switches.ecn_threshold_bytes = 2'000;
  build(one_switch(5), switches);
  for (const HostId host : {0U, 1U, 2U, 3U}) send(SimTime(0), host, 4, host);
  run();
  ASSERT_EQ(delivered_.size(), 4U);
  // The first goes at once, the second and third find no and one packet waiting.
  EXPECT_EQ(network_->counters().marked, 1U);
  EXPECT_TRUE(delivered_[3].marked);
  EXPECT_FALSE(delivered_[2].marked);
}

TEST_F(NetworkTest, EveryHostReachesEveryOther) {
  TopologyConfig topology;
  topology.hosts = 12;
  topology.racks = 3;
  topology.spines = 2;
  for (const PathChoice paths : {PathChoice::kPerPacket, PathChoice::kPerFlow}) {
    SwitchConfig switches;
    switches.paths = paths;
    build(topology, switches);
    delivered_.clear();
    const SimTime start = paths == PathChoice::kPerPacket ? SimTime(0) : SimTime(1'000'000'000);
    for (HostId from = 0; from < 12; ++from) {
      for (HostId to = 0; to < 12; ++to) {
        if (from != to) send(start, from, to, from * 100 + to);
      }
    }
    run();
    EXPECT_EQ(delivered_.size(), 132U);
  }
}

TEST_F(NetworkTest, ALinkThatIsDownLosesBothWays) {
  build(one_switch(3));
  network_->set_link_up(1, false);
  send(SimTime(0), 0, 1, 1);
  send(SimTime(0), 1, 2, 2);
  send(SimTime(0), 0, 2, 3);
  run();
  ASSERT_EQ(delivered_.size(), 1U);
  EXPECT_EQ(delivered_[0].token, 3U);
  EXPECT_EQ(network_->counters().dropped_fault, 2U);
}

TEST_F(NetworkTest, FaultsLoseAndDuplicatePackets) {
  build(one_switch(2));
  LinkFaults faults;
  faults.duplication = 1;
  network_->set_faults(faults);
  send(SimTime(0), 0, 1, 1);
  run();
  EXPECT_EQ(delivered_.size(), 2U);
  faults = {};
  faults.loss = 1;
  network_->set_faults(faults);
  delivered_.clear();
  send(SimTime(1'000'000'000), 0, 1, 2);
  run();
  EXPECT_EQ(delivered_.size(), 0U);
  EXPECT_EQ(network_->counters().dropped_fault, 1U);
}

TEST_F(NetworkTest, ALinksBusyTimeIsMeasured) {
  build(one_switch(2));
  network_->start_measuring(SimTime(0));
  for (std::uint64_t i = 0; i < 5; ++i) send(SimTime(0), 0, 1, i);
  run();
  const SimTime end = delivered_.back().time;
  EXPECT_EQ(network_->downlink_busy(end, 1), 5 * kSerialization);
  EXPECT_EQ(network_->downlink_busy(end, 0), SimTime(0));
  EXPECT_TRUE(network_->nic_idle(end, 0));
  network_->settle(end);
  EXPECT_GT(network_->queues(PortKind::kHostNic).max_bytes(), 3 * kBytes - 1);
  EXPECT_EQ(network_->queues(PortKind::kLeafUp).max_bytes(), 0U);
}

TEST(SwitchConfig, RefusesABufferThatHoldsNoPacket) {
  SwitchConfig config;
  config.buffer_bytes = 100;
  ASSERT_FALSE(config.validate().has_value());
  EXPECT_NE(config.validate().error().text.find("buffer_bytes"), std::string::npos);
}

}  // namespace
}  // namespace homa::sim
