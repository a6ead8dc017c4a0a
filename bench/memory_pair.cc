#include "memory_pair.h"

#include <chrono>
#include <cstring>

#include "base/check.h"

namespace homa::bench {
namespace {

constexpr std::size_t kBatch = 32;
constexpr Port kServerPort{100};
constexpr std::uint8_t kClients = 1, kServers = 2;  // subnets
constexpr std::uint64_t kIdleRoundsMax = 1'000'000;

core::CoreConfig core_config(const MemoryPairConfig& config) {
  core::CoreConfig core;
  core.link_bits_per_second = 0;
  core.message_bytes_max = 1 << 20;
  core.rpcs_max = 65'536;
  core.served_rpcs_per_port_max = 65'536;
  core.receive_region_bytes =
      std::uint64_t{64} << 20 | (std::uint64_t{config.message_bytes} * config.outstanding * 2);
  return core;
}

Address host(std::uint8_t subnet, std::uint32_t number) {
  return Address::v4(10, subnet, static_cast<std::uint8_t>(number >> 8),
                     static_cast<std::uint8_t>(number));
}

std::uint32_t host_number(const Address& address) {
  return static_cast<std::uint32_t>(address.ip[14]) << 8 | address.ip[15];
}

}  // namespace

MemoryPair::Side::Side(const core::CoreConfig& config, std::uint64_t seed)
    : endpoint(config, seed, recorder), region(config.receive_region_bytes) {}

MemoryPair::MemoryPair(const MemoryPairConfig& config)
    : config_(config),
      message_(config.message_bytes, std::byte{0x5a}),
      client_(core_config(config), 1),
      server_(core_config(config), 2),
      packets_out_(kBatch),
      wire_(2048) {
  auto client_port = client_.endpoint.open_port(Port{});
  HOMA_CHECK(client_port.has_value());
  client_port_ = *client_port;
  HOMA_CHECK(server_.endpoint.open_port(kServerPort).has_value());
}

Time MemoryPair::now() { return Time(std::chrono::steady_clock::now().time_since_epoch()); }

void MemoryPair::start_some() {
  while (in_progress_ < config_.outstanding) {
    core::Request request;
    request.server = host(kServers, next_peer_);
    request.server_port = kServerPort;
    request.client_port = client_port_;
    request.length = config_.message_bytes;
    if (++next_peer_ == config_.peers) next_peer_ = 0;
    if (!client_.endpoint.start(time_, request)) {
      failed_ = true;
      return;
    }
    ++in_progress_;
  }
}

std::size_t MemoryPair::carry(Side& from, Side& to, std::uint8_t from_subnet,
                              std::uint8_t to_subnet) {
  const std::size_t count = from.endpoint.poll_transmit(time_, {}, packets_out_);
  for (std::size_t i = 0; i < count; ++i) {
    const core::TxPacket& packet = packets_out_[i];
    HOMA_CHECK(packet.destination.ip[13] == to_subnet);
    std::memcpy(wire_.data(), packet.header.data(), packet.header_length);
    std::memcpy(wire_.data() + packet.header_length, message_.data() + packet.payload_offset,
                packet.payload_length);
    const std::span<const std::byte> bytes(wire_.data(),
                                           packet.header_length + packet.payload_length);
    const Address source = host(from_subnet, host_number(packet.destination));
    const core::RxOutcome outcome = to.endpoint.on_packet(time_, {source, bytes});
    if (outcome.kind != core::RxOutcome::Kind::kDeliver) continue;
    std::memcpy(to.region.data() + raw(outcome.buffer), bytes.data() + outcome.payload_offset,
                outcome.length);
  }
  packets_ += count;
  return count;
}

bool MemoryPair::take_client_events() {
  while (const auto event = client_.endpoint.poll_event()) {
    if (event->kind == core::Event::Kind::kTransmitDone) continue;
    if (event->kind != core::Event::Kind::kResponse) return false;
    client_.endpoint.release(time_, event->account, event->buffer, event->length);
    ++completed_;
    --in_progress_;
  }
  return true;
}

bool MemoryPair::take_server_events() {
  while (const auto event = server_.endpoint.poll_event()) {
    if (event->kind == core::Event::Kind::kTransmitDone) continue;
    if (event->kind != core::Event::Kind::kRequest) return false;
    server_.endpoint.release(time_, event->account, event->buffer, event->length);
    if (!server_.endpoint.reply(time_, event->rpc, config_.message_bytes, core::TransmitToken{}))
      return false;
  }
  return true;
}

bool MemoryPair::run(std::uint64_t rpcs) {
  const std::uint64_t until = completed_ + rpcs;
  std::uint64_t idle_rounds = 0;
  while (completed_ < until && !failed_ && idle_rounds < kIdleRoundsMax) {
    time_ = now();
    start_some();
    std::size_t moved = carry(client_, server_, kClients, kServers);
    if (!take_server_events()) failed_ = true;
    moved += carry(server_, client_, kServers, kClients);
    if (!take_client_events()) failed_ = true;
    idle_rounds = moved == 0 ? idle_rounds + 1 : 0;
    for (Side* side : {&client_, &server_}) {
      if (side->endpoint.next_deadline() <= time_) side->endpoint.on_time(time_);
    }
  }
  return !failed_ && completed_ >= until;
}

}  // namespace homa::bench
