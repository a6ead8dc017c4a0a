// A host among hostile peers: the input is a sequence of calls on one Endpoint (packets of any
// kind, time, requests, replies, aborts, ICMP, ports), and after each the promises of
// core/endpoint.h hold. At the end all peers fall silent: every RPC must end, and every byte of
// memory come back.
#include <algorithm>
#include <array>
#include <cstdint>
#include <deque>
#include <iterator>
#include <map>
#include <span>
#include <vector>

#include "base/bytes.h"
#include "base/check.h"
#include "core/endpoint.h"
#include "trace/trace.h"
#include "wire/codec.h"

namespace {

using namespace homa;
using std::chrono::milliseconds;

constexpr std::uint64_t kRegionBytes = 256 << 10;
constexpr Port kServerPort{100};
constexpr std::array kPeers = {Address::v4(10, 0, 0, 2), Address::v4(10, 0, 0, 2, 7000),
                               Address::v4(10, 0, 0, 3),
                               Address{{0xfd, 0x99, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}}};

// Small capacities, so that a short input reaches them.
core::CoreConfig config_for(std::uint8_t choice) {
  core::CoreConfig config;
  config.link_bits_per_second = (choice & 1) != 0 ? 1'000'000'000 : 0;
  config.unscheduled_bytes = 10'000;
  config.max_incoming = 30'000;
  config.overcommit = (choice & 2) != 0 ? 1 : 4;
  config.message_bytes_max = 100'000;
  config.rpcs_max = 16;
  config.served_rpcs_per_port_max = 8;
  config.receive_region_bytes = kRegionBytes;
  config.finished_ids_max = 4;
  config.peers_max = 2;  // exceeded while all are in use
  config.incast_bytes_max = (choice & 4) != 0 ? 5'000 : 0;
  config.cutoff_messages_min = 2;
  if ((choice & 8) != 0) config.cutoff_interval = milliseconds(3);
  config.priorities = (choice & 16) != 0 ? 1 : 8;
  HOMA_CHECK(config.validate());
  return config;
}

class Host {
 public:
  explicit Host(std::uint8_t choice)
      : config_(config_for(choice)), endpoint_(config_, choice, recorder_) {
    HOMA_CHECK(endpoint_.open_port(kServerPort));
    client_port_ = *endpoint_.open_port(Port{0});
  }

  void step(base::ByteReader& input);
  void finish();

 private:
  struct Buffer {
    core::BufferOffset at;
    std::uint32_t length;
  };
  struct Outgoing {
    std::uint32_t length;
    std::uint32_t supplied;  // bytes that are there
  };

  void packet(std::span<const std::byte> bytes, const Address& from);
  void crafted_packet(base::ByteReader& input);
  void raw_packet(base::ByteReader& input);
  void reflected_packet(base::ByteReader& input);
  void start(base::ByteReader& input);
  void reply(base::ByteReader& input);
  void supply(base::ByteReader& input);
  void supply_to(RpcId rpc, std::uint32_t bytes);
  void abort(base::ByteReader& input);
  void unreachable(base::ByteReader& input);
  void release(std::size_t index);
  void pass(Duration time);
  void drain();
  void on_event(const core::Event& event);
  void on_transmit(const core::TxPacket& packet);
  void check_bounds() const;
  WireId choose_id(base::ByteReader& input);

  trace::Recorder recorder_;
  const core::CoreConfig config_;
  core::Endpoint endpoint_;
  Port client_port_{};
  Time now_{std::chrono::seconds(1)};
  std::uint64_t tokens_ = 0;
  std::map<core::TransmitToken, Outgoing> outgoing_;  // by token: given, not given back
  std::map<RpcId, core::TransmitToken> supplies_;     // of messages whose bytes are not all there
  std::map<RpcId, core::Cookie> calls_;               // ours in progress, with their cookies
  std::vector<RpcId> requests_;                       // served, not answered
  std::vector<Buffer> held_;                          // message buffers in our hands
  std::deque<std::vector<std::byte>> sent_;           // the last packets that went out
};

void Host::pass(Duration time) {
  now_ += time;
  endpoint_.on_time(now_);
}

void Host::packet(std::span<const std::byte> bytes, const Address& from) {
  const auto outcome = endpoint_.on_packet(now_, {from, bytes});
  if (outcome.kind == core::RxOutcome::Kind::kDropped) {
    HOMA_CHECK(static_cast<std::size_t>(outcome.reason) < trace::kDropReasons);
    HOMA_CHECK(!to_string(outcome.reason).empty());
  }
  if (outcome.kind != core::RxOutcome::Kind::kDeliver) return;
  HOMA_CHECK(outcome.length > 0);
  HOMA_CHECK(std::uint64_t{outcome.payload_offset} + outcome.length <= bytes.size());
  HOMA_CHECK(raw(outcome.buffer) + outcome.length <= kRegionBytes);
  const auto message_length = base::load_big_endian<std::uint32_t>(bytes.data() + 28);
  HOMA_CHECK(std::uint64_t{outcome.message_offset} + outcome.length <= message_length);
  for (const Buffer& held : held_) {  // what the application reads must not change under it
    HOMA_CHECK(outcome.buffer + outcome.length <= held.at ||
               held.at + held.length <= outcome.buffer);
  }
}

// Half of the time an id that is in use, so that packets find their RPC.
WireId Host::choose_id(base::ByteReader& input) {
  const auto choice = input.read<std::uint8_t>();
  if (choice < 64) return WireId{std::uint64_t{choice} + 1};
  if (choice < 96) return WireId{input.read<std::uint64_t>()};
  if (sent_.empty()) return WireId{choice};
  const auto& bytes = sent_[choice % sent_.size()];
  return other_side(wire::parse_common(bytes)->sender_id);
}

void Host::crafted_packet(base::ByteReader& input) {
  static constexpr std::array kTypes = {
      wire::PacketType::kData,    wire::PacketType::kGrant,     wire::PacketType::kResend,
      wire::PacketType::kUnknown, wire::PacketType::kBusy,      wire::PacketType::kCutoffs,
      wire::PacketType::kNeedAck, wire::PacketType::kAck,       wire::PacketType::kError,
      wire::PacketType::kFreeze,  wire::PacketType::kData,      wire::PacketType::kData,
      wire::PacketType::kData,    wire::PacketType::kResend,    wire::PacketType::kQuery,
      wire::PacketType::kStatus,  wire::PacketType::kChallenge, wire::PacketType::kAnswer};
  const auto choice = input.read<std::uint8_t>();
  const Address& from = kPeers[choice >> 6];
  wire::DataHeader data;
  data.common.sender_id = choose_id(input);
  const bool to_client = !is_client_id(data.common.sender_id);
  data.common.source_port = to_client ? kServerPort : Port{40'000};
  data.common.destination_port = to_client ? client_port_ : kServerPort;
  data.common.identity = Identity{std::uint64_t{choice >> 4 & 3U} << 40};
  data.message_length = input.read<std::uint16_t>();
  data.incoming = input.read<std::uint16_t>();
  data.segment_offset = data.common.sequence = input.read<std::uint16_t>();
  data.ack = {choose_id(input), kServerPort};
  data.cutoff_version = choice >> 5 & 1U;
  data.retransmit = choice >> 4 & 1U;
  data.response_unscheduled_limit = choice & 0x20U ? 100 : 0;
  wire::HeaderBuffer buffer{};
  const std::size_t size = encode(data, buffer);
  std::vector<std::byte> bytes(buffer.begin(), buffer.end());
  // The fields of the other types lie where DATA has length, incoming and ack.
  const auto type = kTypes[choice % kTypes.size()];
  bytes[11] = static_cast<std::byte>(type);
  if (type == wire::PacketType::kAck) bytes[28] = std::byte{0};
  if (type == wire::PacketType::kQuery) bytes[29] = static_cast<std::byte>(choice >> 5);
  if (type == wire::PacketType::kStatus) bytes[28] = static_cast<std::byte>(choice >> 5);
  if (type == wire::PacketType::kData) {
    const std::uint32_t left =
        data.message_length - std::min(data.message_length, data.segment_offset);
    const bool too_long = raw(data.ack.client_id) % 8 == 7;
    bytes.resize(size + (too_long ? 1424 : std::min<std::uint32_t>(left, 1424)));
  }
  packet(bytes, from);
}

void Host::raw_packet(base::ByteReader& input) {
  const auto choice = input.read<std::uint8_t>();
  std::vector<std::byte> bytes(choice & 0x3fU);
  for (std::byte& byte : bytes) byte = static_cast<std::byte>(input.read<std::uint8_t>());
  packet(bytes, kPeers[choice >> 6]);
}

// One of our own packets comes back from its destination as if it were an answer, a byte changed.
void Host::reflected_packet(base::ByteReader& input) {
  if (sent_.empty()) return;
  auto bytes = sent_[input.read<std::uint8_t>() % sent_.size()];
  for (int i = 0; i < 2; ++i)
    std::swap(bytes[static_cast<std::size_t>(i)], bytes[static_cast<std::size_t>(i) + 2]);
  bytes[27] ^= std::byte{1};
  const auto at = input.read<std::uint8_t>() % bytes.size();
  bytes[at] ^= static_cast<std::byte>(input.read<std::uint8_t>());
  packet(bytes, kPeers[input.read<std::uint8_t>() % kPeers.size()]);
}

void Host::start(base::ByteReader& input) {
  const auto choice = input.read<std::uint8_t>();
  core::Request request;
  request.server = kPeers[choice % kPeers.size()];
  request.server_port = kServerPort;
  request.client_port = client_port_;
  request.length = std::uint32_t{input.read<std::uint16_t>()} * 2;
  request.pending = (choice & 0x80U) != 0 ? request.length / 2 : 0;
  request.transmit_token = core::TransmitToken{++tokens_};
  request.cookie = core::Cookie{tokens_ * 3};
  const auto rpc = endpoint_.start(now_, request);
  HOMA_CHECK(rpc || request.length == 0 || request.length > config_.message_bytes_max ||
             rpc.error() != ErrorCode::kInvalidArgument);
  if (!rpc) return;
  HOMA_CHECK(*rpc != kNoRpc && !is_served(*rpc));
  HOMA_CHECK(calls_.emplace(*rpc, request.cookie).second);
  outgoing_.emplace(request.transmit_token,
                    Outgoing{request.length, request.length - request.pending});
  if (request.pending > 0) supplies_[*rpc] = request.transmit_token;
}

void Host::reply(base::ByteReader& input) {
  const auto choice = input.read<std::uint8_t>();
  const std::uint32_t length = std::uint32_t{input.read<std::uint16_t>()} * 2;
  if (requests_.empty()) return;
  const auto at = requests_.begin() + static_cast<std::ptrdiff_t>(choice % requests_.size());
  const core::TransmitToken token{++tokens_};
  const std::uint32_t pending = (choice & 0x80U) != 0 ? length / 2 : 0;
  const RpcId rpc = *at;
  const auto result = endpoint_.reply(now_, rpc, length, token, pending);
  if (!result && result.error() != ErrorCode::kNoSuchRpc) return;
  if (result) outgoing_.emplace(token, Outgoing{length, length - pending});
  if (result && pending > 0) supplies_[rpc] = token;
  requests_.erase(at);
}

// More bytes of a message that was started with some pending; it may have ended meanwhile.
void Host::supply(base::ByteReader& input) {
  const auto choice = input.read<std::uint8_t>();
  const auto bytes = input.read<std::uint16_t>();
  if (supplies_.empty()) return;
  const auto at = std::next(supplies_.begin(), choice % static_cast<int>(supplies_.size()));
  const auto [rpc, token] = *at;
  const auto message = outgoing_.find(token);
  supply_to(rpc, message == outgoing_.end() ? bytes : message->second.supplied + bytes);
}

void Host::supply_to(RpcId rpc, std::uint32_t bytes) {
  const auto pending = supplies_.find(rpc);
  const auto message = outgoing_.find(pending->second);
  if (message == outgoing_.end()) {
    supplies_.erase(pending);
  } else {
    bytes = message->second.supplied = std::min(message->second.length, bytes);
    if (bytes == message->second.length) supplies_.erase(pending);
  }
  const auto supplied = endpoint_.supply(now_, rpc, bytes);
  HOMA_CHECK(supplied || supplied.error() == ErrorCode::kNoSuchRpc ||
             supplied.error() == ErrorCode::kInvalidArgument);
}

void Host::abort(base::ByteReader& input) {
  const auto choice = input.read<std::uint8_t>();
  const bool report = (choice & 1) != 0;
  const auto code = static_cast<ErrorCode>(1 + choice % 17);
  if ((choice & 2) != 0 && !requests_.empty()) {
    const RpcId rpc = requests_[choice % requests_.size()];
    const auto ended = endpoint_.abort(now_, rpc, code, report);
    HOMA_CHECK(ended || ended.error() == ErrorCode::kNoSuchRpc);
    if (!report) std::erase(requests_, rpc);
  } else if (!calls_.empty()) {
    const RpcId rpc = calls_.begin()->first;
    HOMA_CHECK(endpoint_.abort(now_, rpc, code, report));
    if (!report) calls_.erase(rpc);
  }
}

void Host::unreachable(base::ByteReader& input) {
  const auto choice = input.read<std::uint8_t>();
  core::Unreachable what;
  what.peer = kPeers[choice >> 6];
  what.kind = static_cast<core::Unreachable::Kind>(choice % 3);
  if (!sent_.empty()) {
    const auto& bytes = sent_[input.read<std::uint8_t>() % sent_.size()];
    what.quoted = std::span(bytes).first(std::min<std::size_t>(bytes.size(), choice & 0x3fU));
  }
  endpoint_.on_unreachable(now_, what);
}

void Host::release(std::size_t index) {
  if (held_.empty()) return;
  const auto at = held_.begin() + static_cast<std::ptrdiff_t>(index % held_.size());
  const Buffer buffer = *at;
  held_.erase(at);
  endpoint_.release(now_, core::kDefaultAccount, buffer.at, buffer.length);
}

void Host::on_event(const core::Event& event) {
  using Kind = core::Event::Kind;
  if (event.kind == Kind::kTransmitDone) {
    HOMA_CHECK(outgoing_.erase(event.transmit_token) == 1);
    return;
  }
  if (event.kind == Kind::kFailed && is_served(event.rpc)) {
    HOMA_CHECK(std::erase(requests_, event.rpc) == 1);
    return;
  }
  if (event.kind != Kind::kRequest) {
    const auto call = calls_.find(event.rpc);
    HOMA_CHECK(call != calls_.end());  // each ends once
    HOMA_CHECK(call->second == event.cookie);
    calls_.erase(call);
  }
  HOMA_CHECK((event.error == ErrorCode::kOk) == (event.kind != Kind::kFailed));
  if (event.kind == Kind::kFailed) return;
  if (event.kind == Kind::kRequest) {
    HOMA_CHECK(std::find(requests_.begin(), requests_.end(), event.rpc) == requests_.end());
    requests_.push_back(event.rpc);
  }
  HOMA_CHECK(event.length > 0 && event.length <= config_.message_bytes_max);
  HOMA_CHECK(raw(event.buffer) + event.length <= kRegionBytes);
  for (const Buffer& held : held_) {
    HOMA_CHECK(event.buffer + event.length <= held.at || held.at + held.length <= event.buffer);
  }
  held_.push_back({event.buffer, event.length});
}

void Host::on_transmit(const core::TxPacket& out) {
  HOMA_CHECK(out.priority < kPriorities);
  HOMA_CHECK(out.header_length <= out.header.size());
  std::vector<std::byte> bytes(out.header.begin(), out.header.begin() + out.header_length);
  bytes.resize(bytes.size() + out.payload_length);
  const auto header = wire::parse(bytes);
  HOMA_CHECK(header);
  HOMA_CHECK(wire::parse_common(bytes)->identity != kNoIdentity);
  const auto* data = std::get_if<wire::DataHeader>(&*header);
  HOMA_CHECK((data != nullptr) == (out.payload_length > 0));
  if (data != nullptr) {
    const auto message = outgoing_.find(out.transmit_token);
    HOMA_CHECK(message != outgoing_.end());
    HOMA_CHECK(data->message_length == message->second.length);
    HOMA_CHECK(data->offset() == out.payload_offset);
    HOMA_CHECK(std::uint64_t{out.payload_offset} + out.payload_length <= message->second.supplied);
  }
  if (std::holds_alternative<wire::GrantHeader>(*header)) {
    HOMA_CHECK(endpoint_.granted_not_received() <= config_.max_incoming);
  }
  sent_.push_back(std::move(bytes));
  if (sent_.size() > 8) sent_.pop_front();
}

void Host::check_bounds() const {
  HOMA_CHECK(endpoint_.rpcs_in_progress() <= config_.rpcs_max);
  HOMA_CHECK(endpoint_.peers() <= 4 * config_.peers_max);  // docs/protocol.md#slots
  HOMA_CHECK(endpoint_.receive_region_used() <= kRegionBytes);
  std::vector<core::RpcInfo> infos;
  for (std::uint32_t first = 0; (first = endpoint_.rpcs(first, 8, infos)) != 0;) continue;
  HOMA_CHECK(infos.size() == endpoint_.rpcs_in_progress());
  for (const core::RpcInfo& info : infos) {
    HOMA_CHECK(info.sent <= info.send_granted && info.send_granted <= info.send_length);
    HOMA_CHECK(info.received <= info.receive_length);
    HOMA_CHECK(info.receive_granted <= info.receive_length);
    HOMA_CHECK(endpoint_.rpc(info.id)->wire_id == info.wire_id);
  }
}

void Host::drain() {
  std::array<core::TxPacket, 4> out;
  for (int round = 0;; ++round) {
    HOMA_CHECK(round < 10'000);
    while (const auto event = endpoint_.poll_event()) on_event(*event);
    const auto count = endpoint_.poll_transmit(now_, {}, out);
    for (std::size_t i = 0; i < count; ++i) on_transmit(out[i]);
    if (count == 0) break;
  }
  while (const auto event = endpoint_.poll_event()) on_event(*event);
  check_bounds();
}

void Host::step(base::ByteReader& input) {
  switch (input.read<std::uint8_t>() % 12) {
    case 0: pass(std::chrono::microseconds(input.read<std::uint16_t>())); break;
    case 1: start(input); break;
    case 2: reply(input); break;
    case 3: release(input.read<std::uint8_t>()); break;
    case 4: abort(input); break;
    case 5: raw_packet(input); break;
    case 6: unreachable(input); break;
    case 7: reflected_packet(input); break;
    case 8:
      endpoint_.close_port(now_, kServerPort);
      requests_.clear();
      drain();
      HOMA_CHECK(endpoint_.open_port(kServerPort));
      break;
    case 9: supply(input); break;
    default: crafted_packet(input); break;
  }
  drain();
}

void Host::finish() {
  while (!requests_.empty()) {
    HOMA_CHECK(endpoint_.abort(now_, requests_.front(), ErrorCode::kCancelled, true));
    drain();
  }
  while (!held_.empty()) release(0);
  while (!supplies_.empty()) supply_to(supplies_.begin()->first, config_.message_bytes_max);
  drain();
  // Peers are silent from here on; a response that completes now would be a surprise.
  for (int round = 0; endpoint_.rpcs_in_progress() > 0; ++round) {
    HOMA_CHECK(round < 100'000);
    HOMA_CHECK(endpoint_.next_deadline() != kNever);
    pass(std::max(Duration::zero(), endpoint_.next_deadline() - now_));
    drain();
  }
  HOMA_CHECK(calls_.empty());
  HOMA_CHECK(requests_.empty());
  HOMA_CHECK(held_.empty());
  HOMA_CHECK(outgoing_.empty());
  HOMA_CHECK(endpoint_.receive_region_used() == 0);
  HOMA_CHECK(endpoint_.granted_not_received() == 0);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  base::ByteReader input(std::as_bytes(std::span(data, std::min<std::size_t>(size, 2'000))));
  Host host(input.read<std::uint8_t>());
  while (input.ok()) host.step(input);
  host.finish();
  return 0;
}
