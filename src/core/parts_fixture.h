// For tests of the endpoint's parts: all of them around one state, as Endpoint puts them together.
#pragma once

#include <gtest/gtest.h>

#include <vector>

#include "core/data_packets.h"
#include "core/endpoint_state.h"
#include "core/identities.h"
#include "core/lifetimes.h"
#include "core/strangers.h"
#include "core/timeouts.h"
#include "core/transmitter.h"

namespace homa::core {

class PartsTest : public testing::Test {
 protected:
  static constexpr Port kServer{80};
  static constexpr Time kStart{Duration{1'000'000'000}};

  explicit PartsTest(const CoreConfig& config = unpaced()) : state(config, 1, recorder) {
    EXPECT_TRUE(lifetimes.open_port(kServer, kDefaultAccount));
    client_port = lifetimes.open_port(Port{}, kDefaultAccount).value();
    state.now = kStart;
  }

  static CoreConfig unpaced() {
    CoreConfig config;
    config.link_bits_per_second = 0;
    config.receive_region_bytes = 1 << 20;
    config.message_bytes_max = 100'000;
    config.rpcs_max = 64;
    return config;
  }
  static Address host(std::uint8_t number) { return Address::v4(10, 0, 0, number); }

  // Another engine, at host(number), that has not proved that it is there.
  Peer& stranger(std::uint8_t number) {
    return *lifetimes.new_peer(state.now, Identity{std::uint64_t{number} << 40}, host(number));
  }
  Peer& proved(std::uint8_t number) {
    Peer& peer = stranger(number);
    state.peers.prove(peer);
    return peer;
  }
  // A DATA packet of a request with this id, whose payload are the first `bytes` of `length`.
  wire::HeaderBuffer header_of_request(const Peer& from, std::uint64_t id, std::uint32_t length) {
    wire::DataHeader header;
    header.common.source_port = Port{40'000};
    header.common.destination_port = kServer;
    header.common.identity = from.identity;
    header.common.sender_id = WireId{id};
    header.message_length = length;
    header.cutoff_version = state.priorities.version();
    wire::HeaderBuffer bytes{};
    wire::encode(header, bytes);
    return bytes;
  }
  RxOutcome request(const Peer& from, std::uint64_t id, std::uint32_t length, std::uint32_t bytes) {
    const wire::HeaderBuffer header = header_of_request(from, id, length);
    std::vector<std::byte> packet(header.begin(), header.begin() + wire::kDataHeaderBytes);
    packet.resize(packet.size() + bytes);
    return data.on_packet(state.now, {.source = from.address, .bytes = packet});
  }
  Rpc* served(const Peer& from, std::uint64_t id) {
    return state.rpcs.find_served(from, WireId{id}, kServer);
  }
  // Delivers a request of 100 bytes and answers it with `length` bytes.
  Rpc& answered(Peer& from, std::uint64_t id, std::uint32_t length) {
    EXPECT_EQ(request(from, id, 100, 100).kind, RxOutcome::Kind::kDeliver);
    Rpc& rpc = *served(from, id);
    EXPECT_TRUE(lifetimes.reply(state.now, rpc.id, length, TransmitToken{id}, 0));
    return rpc;
  }
  RpcId call(std::uint8_t server, std::uint32_t length) {
    return lifetimes
        .start(state.now, {.server = host(server),
                           .server_port = kServer,
                           .client_port = client_port,
                           .length = length,
                           .transmit_token = TransmitToken{length}})
        .value();
  }
  // All that may be sent now.
  std::vector<TxPacket> sent(const LinkFeedback& link = {}) {
    std::vector<TxPacket> packets(64);
    packets.resize(transmitter.transmit(state.now, link, packets));
    return packets;
  }
  static wire::PacketType type_of(const TxPacket& packet) {
    return wire::parse_common({packet.header.data(), packet.header_length}).value().type;
  }
  static std::size_t count(const std::vector<TxPacket>& packets, wire::PacketType type) {
    std::size_t count = 0;
    for (const TxPacket& packet : packets) count += type_of(packet) == type ? 1U : 0U;
    return count;
  }

  trace::Recorder recorder;
  EndpointState state;
  Transmitter transmitter{state};
  Strangers strangers{state};
  Lifetimes lifetimes{state, transmitter, strangers};
  Timeouts timeouts{state, strangers, lifetimes};
  Identities identities{state, transmitter, strangers, lifetimes, timeouts};
  DataPackets data{state, strangers, lifetimes, timeouts, identities};
  Port client_port{};
};

}  // namespace homa::core
