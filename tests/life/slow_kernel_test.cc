// After a restart of a server, a kernel client with long requests in progress repeats all of them
// through a slow link. Asking for what is already in its queue must not fill that queue again
// (docs/protocol.md#what-a-resend-asks-for). In virtual time.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <deque>
#include <map>
#include <span>
#include <vector>

#include "core/endpoint.h"

namespace homa::life {
namespace {

using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;

constexpr std::uint32_t kLength = 500'000;
constexpr std::uint32_t kPayload = 1'424;
constexpr Port kServerPort{4000}, kClientPort{40'000};
const Address kClient = Address::v4(10, 0, 0, 1);

struct Packet {
  std::uint64_t id = 0;
  std::uint32_t begin = 0, end = 0;
  bool again = false;
};

// Does what a kernel does: it answers every RESEND in full, and asks every 5 ms. All its packets go
// through one queue to a link of limited rate, which loses one in `lost_one_in` of them; 0: none.
class KernelClient {
 public:
  KernelClient(std::uint64_t bits_per_second, int lost_one_in)
      : bits_per_second_(bits_per_second), lost_one_in_(lost_one_in) {}

  // A request of which `sent` bytes had gone to the server's last life.
  void add(std::uint64_t id, std::uint32_t sent) { rpcs_[id] = {sent, sent, at(0ms), false}; }
  std::uint64_t packets() const { return packets_; }
  bool done() const {
    return std::all_of(rpcs_.begin(), rpcs_.end(), [](const auto& rpc) { return rpc.second.done; });
  }

  void hear(Time now, std::span<const std::byte> bytes, core::Endpoint& server) {
    const auto common = *wire::parse_common(bytes);
    const std::uint64_t id = raw(common.sender_id) & ~1ULL;
    Rpc& rpc = rpcs_.at(id);
    if (common.type == wire::PacketType::kNeedAck) {
      return send(now, wire::AckHeader{header(id), 0, {}}, server);
    }
    if (common.type == wire::PacketType::kData) rpc.done = true;
    if (rpc.done) return;
    if (common.type != wire::PacketType::kUnknown) rpc.heard = now;
    if (common.type == wire::PacketType::kUnknown) queue(id, 0, rpc.sent, true);
    if (common.type == wire::PacketType::kGrant) grant(id, rpc, wire::parse_grant(bytes)->offset);
    if (common.type == wire::PacketType::kResend) {
      const auto resend = *wire::parse_resend(bytes);
      const std::uint32_t end =
          resend.length == wire::kEverythingSent ? rpc.sent : resend.offset + resend.length;
      queue(id, resend.offset, std::min(end, rpc.sent), true);
      grant(id, rpc, end);
    }
  }
  // Asks about what is silent.
  void tick(Time now, core::Endpoint& server) {
    for (auto& [id, rpc] : rpcs_) {
      if (rpc.done || now - rpc.heard < 5ms) continue;
      rpc.heard = now;
      send(now, wire::ResendHeader{header(id), 0, wire::kEverythingSent, 7}, server);
    }
  }
  // When the link has carried the first packet; kNever: it is idle.
  Time next() const { return queue_.empty() ? kNever : busy_until_ + time_of(queue_.front()); }
  void deliver_first(Time now, core::Endpoint& server) {
    const Packet packet = queue_.front();
    queue_.pop_front();
    busy_until_ = now;
    ++packets_;
    if (lost_one_in_ != 0 && packets_ % static_cast<std::uint64_t>(lost_one_in_) == 0) return;
    wire::DataHeader data;
    data.common = header(packet.id);
    data.common.sequence = data.segment_offset = packet.begin;
    data.message_length = kLength;
    data.incoming = rpcs_.at(packet.id).granted;
    data.retransmit = packet.again ? 1 : 0;
    wire::HeaderBuffer buffer;
    std::vector<std::byte> bytes(wire::encode(data, buffer));
    std::copy_n(buffer.begin(), bytes.size(), bytes.begin());
    bytes.resize(bytes.size() + packet.end - packet.begin);
    server.on_packet(now, {kClient, bytes});
  }
  void idle_until(Time now) {
    if (queue_.empty()) busy_until_ = now;
  }

 private:
  struct Rpc {
    std::uint32_t sent = 0, granted = 0;
    Time heard{};
    bool done = false;
  };

  static Time at(Duration since_start) { return Time(since_start); }
  static wire::CommonHeader header(std::uint64_t id) {
    wire::CommonHeader header;
    header.source_port = kClientPort;
    header.destination_port = kServerPort;
    header.sender_id = WireId{id};
    return header;
  }
  Duration time_of(const Packet& packet) const {
    return transmission_time(packet.end - packet.begin + 100, bits_per_second_);
  }
  void queue(std::uint64_t id, std::uint32_t begin, std::uint32_t end, bool again) {
    for (; begin < end; begin += kPayload) {
      queue_.push_back({id, begin, std::min(begin + kPayload, end), again});
    }
  }
  void grant(std::uint64_t id, Rpc& rpc, std::uint32_t offset) {
    rpc.granted = std::max(rpc.granted, offset);
    if (rpc.granted <= rpc.sent) return;
    queue(id, rpc.sent, rpc.granted, false);
    rpc.sent = rpc.granted;
  }
  template <typename Header>
  static void send(Time now, const Header& header, core::Endpoint& server) {
    wire::HeaderBuffer buffer;
    const std::size_t size = wire::encode(header, buffer);
    server.on_packet(now, {kClient, std::span(buffer).first(size)});
  }

  std::uint64_t bits_per_second_;
  int lost_one_in_;
  std::map<std::uint64_t, Rpc> rpcs_;
  std::deque<Packet> queue_;
  Time busy_until_{};
  std::uint64_t packets_ = 0;
};

struct Outcome {
  bool done = false;
  Time end{};
  std::uint64_t packets = 0, requests = 0;
};

// A server that knows nothing, and eight requests that its last life had partly received.
Outcome run(std::uint64_t bits_per_second, int lost_one_in) {
  core::CoreConfig config;
  config.link_bits_per_second = 0;
  trace::Recorder recorder;
  core::Endpoint server(config, 1, recorder);
  EXPECT_TRUE(server.open_port(kServerPort));
  KernelClient client(bits_per_second, lost_one_in);
  for (std::uint64_t i = 0; i < 8; ++i) {
    client.add(1000 + 2 * i, 100'000 + 50'000 * static_cast<std::uint32_t>(i));
  }
  Outcome outcome;
  std::array<core::TxPacket, 64> packets;
  Time next_tick{};
  const auto pump = [&](Time now) {
    while (const auto event = server.poll_event()) {
      if (event->kind != core::Event::Kind::kRequest) continue;
      ++outcome.requests;
      server.release(now, event->account, event->buffer, event->length);
      EXPECT_TRUE(server.reply(now, event->rpc, 1, core::TransmitToken{1}));
    }
    while (const std::size_t count = server.poll_transmit(now, {}, packets)) {
      for (std::size_t i = 0; i < count; ++i) {
        const auto header = std::as_bytes(std::span(packets[i].header));
        client.hear(now, header.first(packets[i].header_length), server);
      }
    }
  };
  Time now{};
  while (now < Time(10s) && !client.done()) {
    now = std::min({next_tick, client.next(), std::max(now, server.next_deadline())});
    client.idle_until(now);
    if (now >= next_tick) {
      client.tick(now, server);
      next_tick = now + 1ms;
    }
    if (client.next() <= now) client.deliver_first(now, server);
    if (server.next_deadline() <= now) server.on_time(now);
    pump(now);
  }
  outcome.done = client.done();
  outcome.end = now;
  outcome.packets = client.packets();
  return outcome;
}

constexpr std::uint64_t kPacketsNeeded = 8 * (kLength / kPayload + 1);

class SlowKernel : public ::testing::TestWithParam<std::uint64_t> {};

INSTANTIATE_TEST_SUITE_P(BitsPerSecond, SlowKernel,
                         ::testing::Values(50'000'000U, 200'000'000U, 1'000'000'000U));

TEST_P(SlowKernel, RepeatsItsRequestsFewTimes) {
  const Outcome outcome = run(GetParam(), 0);
  const Duration ideal = transmission_time(8ULL * kLength * 107 / 100, GetParam());
  EXPECT_TRUE(outcome.done);
  EXPECT_EQ(outcome.requests, 8U) << "each once, whatever was repeated";
  EXPECT_LT(outcome.packets, 3 * kPacketsNeeded);
  EXPECT_LT(outcome.end.time_since_epoch(), 3 * ideal + 50ms);
  RecordProperty("packets", std::to_string(outcome.packets));
}

TEST_P(SlowKernel, FillsTheGapsOfALossyLink) {
  const Outcome outcome = run(GetParam(), 10);
  const Duration ideal = transmission_time(8ULL * kLength * 107 / 100, GetParam());
  EXPECT_TRUE(outcome.done);
  EXPECT_EQ(outcome.requests, 8U);
  EXPECT_LT(outcome.packets, 7 * kPacketsNeeded / 2);
  EXPECT_LT(outcome.end.time_since_epoch(), 7 * ideal / 2 + 200ms);
}

}  // namespace
}  // namespace homa::life
