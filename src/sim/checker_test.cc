#include "sim/checker.h"

#include <gtest/gtest.h>

namespace homa::sim {
namespace {

constexpr std::uint64_t kToken = 40;

// Two hosts. Host 0 sends a request with 10,000 unscheduled bytes to host 1.
class CheckerTest : public ::testing::Test {
 protected:
  static core::CoreConfig core() {
    core::CoreConfig core;
    core.unscheduled_bytes = 10'000;
    core.receive_region_bytes = 1 << 20;
    return core;
  }
  static TopologyConfig topology() {
    TopologyConfig topology;
    topology.hosts = 2;
    topology.racks = 1;
    return topology;
  }
  static TrafficConfig traffic() {
    TrafficConfig traffic;
    traffic.messages = 10;
    return traffic;
  }
  template <typename Header>
  static Packet packet_of(const Header& header, HostId from, HostId to) {
    Packet packet;
    packet.source = static_cast<std::uint16_t>(from);
    packet.destination = static_cast<std::uint16_t>(to);
    packet.header_length = static_cast<std::uint8_t>(wire::encode(header, packet.header));
    return packet;
  }
  static Packet data(std::uint32_t offset, std::uint32_t length) {
    wire::DataHeader header;
    header.common.sender_id = WireId{100};
    header.message_length = 100'000;
    header.common.sequence = header.segment_offset = offset;
    Packet packet = packet_of(header, 0, 1);
    packet.token = kToken;
    packet.payload_offset = offset;
    packet.payload_length = length;
    return packet;
  }
  static core::RxOutcome delivery(std::uint32_t offset, std::uint32_t length) {
    core::RxOutcome outcome;
    outcome.kind = core::RxOutcome::Kind::kDeliver;
    outcome.payload_offset = wire::kDataHeaderBytes;
    outcome.length = length;
    outcome.buffer = core::BufferOffset{offset};
    outcome.message_offset = offset;
    return outcome;
  }
  std::size_t complaints() const { return ledger_.violations().size(); }

  EventQueue events_;
  PacketPool packets_;
  Network network_{topology(), SwitchConfig{}, 1, events_, packets_};
  Ledger ledger_{traffic(), topology(), PacketShape{}, 10'000, network_};
  trace::Recorder recorder_;
  core::Endpoint endpoint_{core(), 1, recorder_};
  Checker checker_{core(), 2, ledger_};
};

TEST_F(CheckerTest, UnscheduledBytesMayBeSent) {
  checker_.on_sent(data(0, 1'424), endpoint_);
  checker_.on_sent(data(8'576, 1'424), endpoint_);
  EXPECT_EQ(complaints(), 0U);
}

TEST_F(CheckerTest, ComplainsOfBytesThatWereNotGranted) {
  checker_.on_sent(data(0, 1'424), endpoint_);
  checker_.on_sent(data(11'000, 1'424), endpoint_);
  ASSERT_EQ(complaints(), 1U);
  EXPECT_NE(ledger_.violations()[0].find("allowed 10000"), std::string::npos);
}

TEST_F(CheckerTest, AGrantAllowsMore) {
  checker_.on_sent(data(0, 1'424), endpoint_);
  wire::GrantHeader grant;
  grant.common.type = wire::PacketType::kGrant;
  grant.common.sender_id = WireId{101};
  grant.offset = 50'000;
  checker_.on_arrival(packet_of(grant, 1, 0));
  checker_.on_sent(data(48'576, 1'424), endpoint_);
  EXPECT_EQ(complaints(), 0U);
  checker_.on_sent(data(52'000, 1'424), endpoint_);
  EXPECT_EQ(complaints(), 1U);
}

TEST_F(CheckerTest, AMessageThatWasDeliveredWholeIsWhatWasSent) {
  checker_.on_deliver(1, delivery(0, 1'424), data(0, 1'424));
  checker_.on_deliver(1, delivery(1'424, 1'424), data(1'424, 1'424));
  checker_.on_message(1, core::BufferOffset{0}, 2'848, kToken);
  EXPECT_EQ(complaints(), 0U);
}

TEST_F(CheckerTest, ComplainsOfAMessageWithAHole) {
  checker_.on_deliver(1, delivery(0, 1'424), data(0, 1'424));
  checker_.on_message(1, core::BufferOffset{0}, 2'848, kToken);
  ASSERT_EQ(complaints(), 1U);
  EXPECT_NE(ledger_.violations()[0].find("byte 142"), std::string::npos);
}

TEST_F(CheckerTest, ComplainsOfBytesOfAnotherMessage) {
  checker_.on_deliver(1, delivery(0, 1'424), data(0, 1'424));
  checker_.on_message(1, core::BufferOffset{0}, 1'424, kToken + 1);
  EXPECT_EQ(complaints(), 1U);
}

TEST_F(CheckerTest, ComplainsOfADeliveryOutsideTheRegion) {
  core::RxOutcome outcome = delivery(0, 1'424);
  outcome.buffer = core::BufferOffset{(1 << 20) - 100};
  checker_.on_deliver(1, outcome, data(0, 1'424));
  EXPECT_EQ(complaints(), 1U);
}

TEST_F(CheckerTest, ComplainsOfARequestDeliveredTwice) {
  const MessageId id = ledger_.begin({SimTime(0), 0, 1, 1'000, false});
  checker_.on_request(id);
  EXPECT_EQ(complaints(), 0U);
  checker_.on_request(id);
  EXPECT_EQ(complaints(), 1U);
}

TEST_F(CheckerTest, ARestartedServerMayRunARequestAgain) {
  const MessageId id = ledger_.begin({SimTime(0), 0, 1, 1'000, false});
  checker_.on_request(id);
  checker_.on_restart(1);
  checker_.on_request(id);
  EXPECT_EQ(complaints(), 0U);
}

}  // namespace
}  // namespace homa::sim
