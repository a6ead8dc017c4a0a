// Two endpoints joined by a perfect wire: the shortest way through every part of the core. Scripted
// rules are in tests/scenario, faults in tests/property.
#include "core/endpoint.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <deque>
#include <span>
#include <vector>

#include "wire/codec.h"

namespace homa::core {
namespace {

constexpr Duration kOneWay{5'000};

struct Node {
  Node(const CoreConfig& config, std::uint64_t seed, Address where)
      : address(where), endpoint(config, seed, recorder), region(config.receive_region_bytes) {}
  Address address;
  trace::Recorder recorder{1 << 16};
  Endpoint endpoint;
  std::vector<std::byte> region;
  std::vector<std::vector<std::byte>> transmit;  // by token
  std::vector<Event> events;
};

std::vector<std::byte> pattern(std::size_t length, unsigned salt) {
  std::vector<std::byte> bytes(length);
  for (std::size_t i = 0; i < length; ++i) {
    bytes[i] = static_cast<std::byte>((i * 131 + salt) >> 3);
  }
  return bytes;
}

class Pair : public testing::Test {
 protected:
  void SetUp() override { make(CoreConfig{}); }

  void make(const CoreConfig& config) {
    nodes_[0] = std::make_unique<Node>(config, 11, Address::v4(10, 0, 0, 1));
    nodes_[1] = std::make_unique<Node>(config, 22, Address::v4(10, 0, 0, 2));
    ASSERT_TRUE(nodes_[0]->endpoint.open_port(kClient));
    ASSERT_TRUE(nodes_[1]->endpoint.open_port(kServer));
  }

  RpcId call(std::uint32_t length, std::uint64_t cookie = 0) {
    Node& client = *nodes_[0];
    client.transmit.push_back(pattern(length, 7));
    const auto rpc = client.endpoint.start(
        now_, Request{nodes_[1]->address, kServer, kClient, length,
                      TransmitToken{client.transmit.size() - 1}, Cookie{cookie}});
    EXPECT_TRUE(rpc);
    return rpc ? *rpc : kNoRpc;
  }

  void pump(Node& node) {
    std::array<TxPacket, 16> out;
    while (const std::size_t count = node.endpoint.poll_transmit(now_, {}, out)) {
      for (std::size_t i = 0; i < count; ++i) {
        const TxPacket& packet = out[i];
        std::vector<std::byte> bytes(packet.header.begin(),
                                     packet.header.begin() + packet.header_length);
        if (packet.payload_length > 0) {
          const auto& message = node.transmit.at(raw(packet.transmit_token));
          const auto from = message.begin() + packet.payload_offset;
          bytes.insert(bytes.end(), from, from + packet.payload_length);
        }
        wire_.push_back({now_ + kOneWay, node.address, packet.destination, std::move(bytes)});
      }
    }
  }

  void handle_events(Node& node) {
    while (const auto event = node.endpoint.poll_event()) {
      node.events.push_back(*event);
      if (event->kind == Event::Kind::kRequest && answer_) {
        const auto* at = node.region.data() + raw(event->buffer);
        node.transmit.emplace_back(at, at + event->length);
        EXPECT_TRUE(node.endpoint.release(now_, event->account, event->buffer, event->length));
        EXPECT_TRUE(node.endpoint.reply(now_, event->rpc, event->length,
                                        TransmitToken{node.transmit.size() - 1}));
      }
    }
  }

  // Steps to the earliest of what is due until nothing is, or `limit` has passed.
  void run(Duration limit) {
    const Time end = now_ + limit;
    while (now_ <= end) {
      for (auto& node : nodes_) {
        node->endpoint.on_time(now_);
        handle_events(*node);
        pump(*node);
      }
      Time next = wire_.empty() ? kNever : wire_.front().at;
      for (auto& node : nodes_) next = std::min(next, node->endpoint.next_deadline());
      if (next == kNever) return;
      now_ = std::max(next, now_);
      while (!wire_.empty() && wire_.front().at <= now_) deliver();
    }
  }

  void deliver() {
    const Flying packet = std::move(wire_.front());
    wire_.pop_front();
    for (auto& node : nodes_) {
      if (node->address != packet.to) continue;
      const RxOutcome outcome = node->endpoint.on_packet(now_, {packet.from, packet.bytes});
      if (outcome.kind == RxOutcome::Kind::kDeliver) {
        std::copy_n(packet.bytes.begin() + outcome.payload_offset, outcome.length,
                    node->region.begin() + static_cast<std::ptrdiff_t>(raw(outcome.buffer)));
      }
      handle_events(*node);
    }
  }

  struct Flying {
    Time at;
    Address from, to;
    std::vector<std::byte> bytes;
  };
  static constexpr Port kClient{40'000}, kServer{4'000};
  Time now_{Duration{1'000'000'000}};
  std::array<std::unique_ptr<Node>, 2> nodes_;
  bool answer_ = true;  // requests, as soon as they come
  std::deque<Flying> wire_;
};

TEST_F(Pair, EveryLengthComesBackIntact) {
  for (const std::uint32_t length : {1U, 100U, 999U, 1000U, 1424U, 1425U, 39'999U, 40'000U, 40'001U,
                                     100'000U, 999'999U, 1'000'000U}) {
    nodes_[0]->events.clear();
    const RpcId rpc = call(length, length);
    run(Duration{2'000'000'000});
    const auto& events = nodes_[0]->events;
    ASSERT_EQ(events.size(), 2U) << length;
    const Event& response = events[0];
    EXPECT_EQ(response.kind, Event::Kind::kResponse);
    EXPECT_EQ(response.rpc, rpc);
    EXPECT_EQ(response.cookie, Cookie{length});
    ASSERT_EQ(response.length, length);
    const auto expected = pattern(length, 7);
    EXPECT_TRUE(
        std::equal(expected.begin(), expected.end(),
                   nodes_[0]->region.begin() + static_cast<std::ptrdiff_t>(raw(response.buffer))));
    EXPECT_EQ(events[1].kind, Event::Kind::kTransmitDone);
    EXPECT_TRUE(nodes_[0]->endpoint.release(now_, response.account, response.buffer, length));
  }
  for (auto& node : nodes_) {
    EXPECT_EQ(node->endpoint.rpcs_in_progress(), 0U);
    EXPECT_EQ(node->endpoint.receive_region_used(), 0U);
    EXPECT_EQ(node->endpoint.granted_not_received(), 0U);
    EXPECT_EQ(node->recorder.counters.retransmitted_packets, 0U);
    EXPECT_EQ(node->endpoint.next_deadline(), kNever);
  }
}

// The application still copies when the message's beginning is on its way: longer than any
// patience.
TEST_F(Pair, AMessageMayBeSuppliedWhileItIsSent) {
  Node& client = *nodes_[0];
  client.transmit.push_back(pattern(200'000, 7));
  const auto rpc =
      client.endpoint.start(now_, Request{nodes_[1]->address, kServer, kClient, 200'000,
                                          TransmitToken{0}, Cookie{5}, 200'000 - 30'000});
  ASSERT_TRUE(rpc);
  run(Duration{1'000'000'000});
  EXPECT_EQ(client.endpoint.rpc(*rpc)->sent, 30'000 / 1'424 * 1'424U);
  EXPECT_TRUE(client.events.empty()) << "the wait is our own: nobody is at fault";
  ASSERT_TRUE(client.endpoint.supply(now_, *rpc, 100'000));
  run(Duration{300'000'000});
  EXPECT_EQ(client.endpoint.rpc(*rpc)->state, RpcInfo::State::kSending);
  ASSERT_TRUE(client.endpoint.supply(now_, *rpc, 200'000));
  run(Duration{300'000'000});
  ASSERT_EQ(client.events.size(), 2U);
  EXPECT_EQ(client.events[0].kind, Event::Kind::kResponse);
  const auto* response =
      client.region.data() + static_cast<std::ptrdiff_t>(raw(client.events[0].buffer));
  EXPECT_TRUE(std::ranges::equal(client.transmit[0], std::span(response, 200'000)));
  EXPECT_EQ(client.endpoint.supply(now_, *rpc, 200'000).error(), ErrorCode::kNoSuchRpc);
  EXPECT_EQ(client.recorder.counters.retransmitted_packets, 0U);
}

TEST_F(Pair, ManyAtOnceAllComeBack) {
  for (std::uint32_t i = 0; i < 500; ++i) call(1 + i * 977 % 60'000, i);
  run(Duration{3'000'000'000});
  std::vector<bool> seen(500);
  for (const Event& event : nodes_[0]->events) {
    if (event.kind != Event::Kind::kResponse) continue;
    EXPECT_FALSE(seen[raw(event.cookie)]);
    seen[raw(event.cookie)] = true;
  }
  EXPECT_EQ(std::count(seen.begin(), seen.end(), true), 500);
  EXPECT_EQ(nodes_[1]->endpoint.rpcs_in_progress(), 0U) << "the server waits for acks for ever";
}

TEST_F(Pair, AnEndpointMayGoWhileItsRpcsAreInProgress) {
  for (std::uint32_t i = 0; i < 40; ++i) call(1 + i * 20'000, i);
  run(Duration{300'000});
  EXPECT_GT(nodes_[0]->endpoint.rpcs_in_progress(), 0U);
  EXPECT_GT(nodes_[1]->endpoint.rpcs_in_progress(), 0U);
  nodes_ = {};
}

// Asking an overloaded host about every RPC again and again would take all its time.
TEST_F(Pair, AHostThatIsSilentAboutManyRpcsIsAskedAboutFewOfThem) {
  Node& client = *nodes_[0];
  constexpr int kRpcs = 200;
  for (int i = 0; i < kRpcs; ++i) call(100);
  int asked = 0;
  for (int tick = 1; tick <= 110; ++tick) {
    pump(client);
    wire_.clear();  // nothing arrives
    now_ += Duration{1'000'000};
    client.endpoint.on_time(now_);
    pump(client);
    int in_this_tick = 0;
    for (const Flying& packet : wire_) {
      const auto common = wire::parse_common(packet.bytes);
      in_this_tick += common && common->type == wire::PacketType::kResend ? 1 : 0;
    }
    asked += in_this_tick;
    EXPECT_LE(in_this_tick, asked <= 64 ? 64 : 2) << tick;
  }
  EXPECT_GT(asked, 200);
  EXPECT_LE(asked, 64 + 2 * 110);
  EXPECT_GT(client.recorder.counters.questions_postponed, 0U);
  EXPECT_EQ(client.endpoint.rpcs_in_progress(), 0U) << "asked or not, they time out";
}

// Nobody is asked about twice before everybody was asked about once.
TEST_F(Pair, EveryRpcHasItsTurnToBeAskedAbout) {
  Node& client = *nodes_[0];
  constexpr std::size_t kRpcs = 300;
  for (std::size_t i = 0; i < kRpcs; ++i) call(100);
  std::map<std::uint64_t, int> asked;
  for (int tick = 1; tick <= 90 && asked.size() < kRpcs; ++tick) {
    pump(client);
    wire_.clear();  // nothing arrives
    now_ += Duration{1'000'000};
    client.endpoint.on_time(now_);
    pump(client);
    for (const Flying& packet : wire_) {
      const auto common = wire::parse_common(packet.bytes);
      ASSERT_TRUE(common);
      if (common->type != wire::PacketType::kResend) continue;
      EXPECT_EQ(++asked[raw(common->sender_id)], 1) << "tick " << tick;
    }
  }
  EXPECT_GT(asked.size(), 64U + 80 * 2);
}

TEST_F(Pair, APortThatNobodyBoundIsToldAtOnce) {
  nodes_[1]->endpoint.close_port(now_, kServer);
  call(100);
  run(Duration{1'000'000'000});
  ASSERT_EQ(nodes_[0]->events.size(), 2U);
  EXPECT_EQ(nodes_[0]->events[0].kind, Event::Kind::kFailed);
  EXPECT_EQ(nodes_[0]->events[0].error, ErrorCode::kNoSuchSocket);
}

// A port with many RPCs does not hold up the others while it ends.
TEST_F(Pair, AClosedPortEndsItsRpcsInBoundedSteps) {
  Node& client = *nodes_[0];
  for (int i = 0; i < 1'000; ++i) call(100);
  client.endpoint.close_port(now_, kClient);
  const std::size_t after_one_step = client.endpoint.rpcs_in_progress();
  EXPECT_LT(after_one_step, 1'000U);
  EXPECT_GT(after_one_step, 0U);
  EXPECT_TRUE(client.endpoint.open_port(kClient)) << "it can be opened again meanwhile";
  call(100);
  while (client.endpoint.next_deadline() <= now_ && client.endpoint.rpcs_in_progress() > 1) {
    client.endpoint.on_time(now_);
  }
  EXPECT_EQ(client.endpoint.rpcs_in_progress(), 1U);
  run(Duration{3'000'000'000});
  EXPECT_EQ(std::count_if(client.events.begin(), client.events.end(),
                          [](const Event& event) { return event.kind == Event::Kind::kResponse; }),
            1);
  EXPECT_EQ(nodes_[1]->endpoint.rpcs_in_progress(), 0U);
}

TEST_F(Pair, AnAccountOwnsItsPortsAndItsMemory) {
  constexpr Port kOther{7};
  Endpoint& server = nodes_[1]->endpoint;
  AccountLimits limits;
  limits.receive_bytes = 1'024;
  const AccountId account = server.open_account(limits).value();
  ASSERT_TRUE(server.open_port(kOther, account));
  EXPECT_EQ(server.open_port(kOther).error(), ErrorCode::kInUse) << "ports are one number space";
  Node& client = *nodes_[0];
  client.transmit.push_back(pattern(900, 7));
  ASSERT_TRUE(client.endpoint.start(
      now_, Request{nodes_[1]->address, kOther, kClient, 900, TransmitToken{0}, Cookie{}}));
  pump(client);
  while (!wire_.empty()) {
    const Flying packet = std::move(wire_.front());
    wire_.pop_front();
    const RxOutcome outcome = server.on_packet(now_, {packet.from, packet.bytes});
    EXPECT_EQ(outcome.account, account);
  }
  const auto event = server.poll_event();
  ASSERT_TRUE(event && event->kind == Event::Kind::kRequest);
  EXPECT_EQ(event->account, account);
  EXPECT_EQ(server.receive_region_used(), 1'024U);
  EXPECT_FALSE(server.release(now_, kDefaultAccount, event->buffer, event->length))
      << "another account's buffer";
  server.close_account(now_, account);
  EXPECT_EQ(server.receive_region_used(), 0U);
  EXPECT_EQ(server.rpcs_in_progress(), 0U);
  EXPECT_FALSE(server.release(now_, account, event->buffer, event->length));
  EXPECT_EQ(server.open_port(kOther, account).error(), ErrorCode::kInvalidArgument);
  EXPECT_TRUE(server.open_port(kOther));
}

TEST_F(Pair, WithoutRoomForTheMessageItIsAskedForLater) {
  CoreConfig config;
  config.message_bytes_max = 300'000;
  config.receive_region_bytes = 524'288;  // one block of the largest message at a time
  config.buffer_wait_max = Duration{60'000'000'000};
  make(config);
  for (std::uint32_t i = 0; i < 4; ++i) call(270'000, i);
  run(Duration{3'000'000'000});
  int responses = 0;
  for (std::size_t i = 0; i < nodes_[0]->events.size(); ++i) {
    const Event event = nodes_[0]->events[i];
    if (event.kind != Event::Kind::kResponse) continue;
    ++responses;
    EXPECT_TRUE(nodes_[0]->endpoint.release(now_, event.account, event.buffer, event.length));
    run(Duration{3'000'000'000});
  }
  EXPECT_EQ(responses, 4);
}

// A socket that nobody reads: its callers learn it, and do not wait for ever.
TEST_F(Pair, WhoWaitsLongForRoomLearnsIt) {
  CoreConfig config;
  config.receive_region_bytes = 1 << 20;
  make(config);
  Endpoint& server = nodes_[1]->endpoint;
  answer_ = false;
  for (std::uint32_t i = 0; i < 4; ++i) call(900'000, i);
  run(Duration{4'000'000'000});
  EXPECT_EQ(nodes_[0]->endpoint.rpcs_in_progress(), 4U);
  run(Duration{4'000'000'000});
  std::uint32_t refused = 0;
  for (const Event& event : nodes_[0]->events) {
    refused += event.kind == Event::Kind::kFailed && event.error == ErrorCode::kOverloaded ? 1 : 0;
  }
  EXPECT_EQ(refused, 3U);
  EXPECT_EQ(server.rpcs_in_progress(), 1U) << "the one that the application has";
}

}  // namespace
}  // namespace homa::core
