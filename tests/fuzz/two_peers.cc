// Two clients and their server on a network whose addresses change: the input says which packet
// arrives, is lost or comes twice, when a client moves to another address or takes that of the
// other one, and who restarts. Nobody forges packets here (endpoint.cc does that), so a server
// executes each request at most once in its life, each message has bytes of one sender only, and in
// the end every RPC ends.
#include <algorithm>
#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "base/bytes.h"
#include "base/check.h"
#include "core/endpoint.h"
#include "trace/trace.h"
#include "wire/codec.h"

namespace {

using namespace homa;
using std::chrono::microseconds;

constexpr Port kServerPort{100};
constexpr std::size_t kServer = 2;  // hosts 0 and 1 are the clients
constexpr Address kServerAddress = Address::v4(10, 0, 0, 1);
constexpr std::array kAddresses = {Address::v4(10, 0, 0, 2), Address::v4(10, 0, 0, 3),
                                   Address::v4(10, 0, 0, 2, 7000), Address::v4(10, 0, 0, 4)};
constexpr std::size_t kFlightMax = 32;

core::CoreConfig config_for(std::uint8_t choice) {
  core::CoreConfig config;
  config.link_bits_per_second = 0;
  config.unscheduled_bytes = 5'000;
  config.max_incoming = 20'000;
  config.message_bytes_max = 50'000;
  config.rpcs_max = 16;
  config.receive_region_bytes = 1 << 20;
  config.finished_ids_max = (choice & 1) != 0 ? 1'000 : 4;
  config.peers_max = (choice & 2) != 0 ? 100 : 2;
  HOMA_CHECK(config.validate());
  return config;
}

// Which message a packet belongs to, whatever addresses it seems to come from: the client that
// started the RPC, in which of its lives, and the id on the wire.
struct Origin {
  std::size_t client = 0;
  std::uint32_t life = 0;
  std::uint64_t id = 0;
  friend auto operator<=>(const Origin&, const Origin&) = default;
};

struct Sending {
  std::uint32_t length = 0, supplied = 0;
};

struct Host {
  std::unique_ptr<trace::Recorder> recorder;
  std::unique_ptr<core::Endpoint> endpoint;
  std::uint32_t life = 0;
  Port client_port{};
  Address address;
  std::map<core::TransmitToken, Sending> sending;
  std::map<RpcId, core::TransmitToken> supplies;  // of RPCs whose bytes are not all there
  std::map<RpcId, Origin> messages;               // whose bytes the RPC receives
  std::vector<RpcId> requests;                    // a server's: not answered
  std::vector<RpcId> calls;                       // a client's, in progress
};

struct Packet {
  std::size_t sender = 0;
  std::uint32_t life = 0;
  Address from, to;
  std::vector<std::byte> bytes;
};

class World {
 public:
  explicit World(std::uint8_t choice) : config_(config_for(choice)) {
    for (std::size_t host = 0; host < hosts_.size(); ++host) restart(host);
    hosts_[0].address = kAddresses[0];
    hosts_[1].address = kAddresses[1];
    hosts_[kServer].address = kServerAddress;
  }

  void step(base::ByteReader& input);
  void finish();

 private:
  void restart(std::size_t index);
  void move(std::size_t client, const Address& address);
  void start(std::size_t client, std::uint32_t length, std::uint32_t pending);
  void supply(std::size_t index, std::uint32_t bytes);
  void reply(std::size_t choice, std::uint32_t length, std::uint32_t pending);
  void deliver(const Packet& packet);
  void pass(Duration time);
  void drain(std::size_t index);
  void on_event(std::size_t index, const core::Event& event);
  void on_transmit(std::size_t index, const core::TxPacket& out);
  std::optional<Packet> take(std::size_t choice, bool keeps);

  const core::CoreConfig config_;
  Time now_{std::chrono::seconds(1)};
  std::uint64_t tokens_ = 0;
  std::uint64_t seeds_ = 0;
  std::array<Host, 3> hosts_;
  std::deque<Packet> flight_;
  std::map<std::pair<Origin, std::uint32_t>, int> executions_;  // by request and server's life
};

void World::restart(std::size_t index) {
  Host& host = hosts_[index];
  Host anew;
  anew.life = host.life + 1;
  anew.address = host.address;
  anew.recorder = std::make_unique<trace::Recorder>();
  anew.endpoint = std::make_unique<core::Endpoint>(config_, ++seeds_, *anew.recorder);
  host.endpoint.reset();
  host = std::move(anew);
  if (index == kServer) {
    HOMA_CHECK(host.endpoint->open_port(kServerPort));
  } else {
    host.client_port = *host.endpoint->open_port(Port{0});
  }
}

// Two clients whose addresses would be the same exchange them.
void World::move(std::size_t client, const Address& address) {
  Host& other = hosts_[1 - client];
  if (other.address == address) other.address = hosts_[client].address;
  hosts_[client].address = address;
}

void World::start(std::size_t client, std::uint32_t length, std::uint32_t pending) {
  Host& host = hosts_[client];
  core::Request request;
  request.server = kServerAddress;
  request.server_port = kServerPort;
  request.client_port = host.client_port;
  request.length = length;
  request.pending = std::min(pending, length);
  request.transmit_token = core::TransmitToken{++tokens_};
  const auto rpc = host.endpoint->start(now_, request);
  if (!rpc) return;
  host.sending[request.transmit_token] = {length, length - request.pending};
  if (request.pending > 0) host.supplies[*rpc] = request.transmit_token;
  host.calls.push_back(*rpc);
}

void World::supply(std::size_t index, std::uint32_t bytes) {
  Host& host = hosts_[index];
  if (host.supplies.empty()) return;
  const auto [rpc, token] = *host.supplies.begin();
  const auto sending = host.sending.find(token);
  if (sending == host.sending.end()) {
    host.supplies.erase(rpc);
    return;
  }
  Sending& state = sending->second;
  state.supplied = std::min(state.length, state.supplied + bytes);
  if (state.supplied == state.length) host.supplies.erase(rpc);
  const auto supplied = host.endpoint->supply(now_, rpc, state.supplied);
  HOMA_CHECK(supplied || supplied.error() == ErrorCode::kNoSuchRpc ||
             supplied.error() == ErrorCode::kInvalidArgument);
}

void World::reply(std::size_t choice, std::uint32_t length, std::uint32_t pending) {
  Host& host = hosts_[kServer];
  if (host.requests.empty()) return;
  const auto at =
      host.requests.begin() + static_cast<std::ptrdiff_t>(choice % host.requests.size());
  const RpcId rpc = *at;
  host.requests.erase(at);
  length = std::clamp(length, 1U, config_.message_bytes_max);
  pending = std::min(pending, length);
  const core::TransmitToken token{++tokens_};
  if (!host.endpoint->reply(now_, rpc, length, token, pending)) return;
  host.sending[token] = {length, length - pending};
  if (pending > 0) host.supplies[rpc] = token;
}

// Where the packet goes depends on who has its address when it arrives.
void World::deliver(const Packet& packet) {
  const auto to = std::find_if(hosts_.begin(), hosts_.end(),
                               [&](const Host& host) { return host.address == packet.to; });
  if (to == hosts_.end()) return;
  const auto index = static_cast<std::size_t>(to - hosts_.begin());
  Host& host = *to;
  const auto outcome = host.endpoint->on_packet(now_, {packet.from, packet.bytes});
  if (outcome.kind == core::RxOutcome::Kind::kDeliver) {
    const std::uint64_t id = raw(wire::parse_common(packet.bytes)->sender_id) & ~1ULL;
    // A response is named after its RPC's client, which is where it arrives.
    const Origin origin =
        index == kServer ? Origin{packet.sender, packet.life, id} : Origin{index, host.life, id};
    const auto [message, is_new] = host.messages.emplace(outcome.rpc, origin);
    HOMA_CHECK(is_new || message->second == origin);
  }
  drain(index);
}

void World::on_event(std::size_t index, const core::Event& event) {
  using Kind = core::Event::Kind;
  Host& host = hosts_[index];
  if (event.kind == Kind::kTransmitDone) {
    HOMA_CHECK(host.sending.erase(event.transmit_token) == 1);
    return;
  }
  const auto message = host.messages.find(event.rpc);
  if (event.kind == Kind::kRequest) {
    HOMA_CHECK(message != host.messages.end());
    int& executions = executions_[{message->second, host.life}];
    HOMA_CHECK(++executions == 1);
    host.requests.push_back(event.rpc);
  } else if (is_served(event.rpc)) {
    std::erase(host.requests, event.rpc);
  } else {
    HOMA_CHECK(std::erase(host.calls, event.rpc) == 1);
  }
  if (message != host.messages.end()) host.messages.erase(message);
  if (event.kind != Kind::kFailed) {
    HOMA_CHECK(host.endpoint->release(now_, core::kDefaultAccount, event.buffer, event.length));
  }
}

void World::on_transmit(std::size_t index, const core::TxPacket& out) {
  Host& host = hosts_[index];
  if (out.payload_length > 0) {
    const Sending& sending = host.sending.at(out.transmit_token);
    HOMA_CHECK(std::uint64_t{out.payload_offset} + out.payload_length <= sending.supplied);
  }
  Packet packet{index, host.life, host.address, out.destination, {}};
  packet.bytes.assign(out.header.begin(), out.header.begin() + out.header_length);
  packet.bytes.resize(packet.bytes.size() + out.payload_length);
  flight_.push_back(std::move(packet));
  if (flight_.size() > kFlightMax) flight_.pop_front();
}

void World::drain(std::size_t index) {
  std::array<core::TxPacket, 4> out;
  for (int round = 0;; ++round) {
    HOMA_CHECK(round < 10'000);
    core::Endpoint& endpoint = *hosts_[index].endpoint;
    while (const auto event = endpoint.poll_event()) on_event(index, *event);
    const auto count = endpoint.poll_transmit(now_, {}, out);
    for (std::size_t i = 0; i < count; ++i) on_transmit(index, out[i]);
    if (count == 0) break;
  }
  while (const auto event = hosts_[index].endpoint->poll_event()) on_event(index, *event);
}

void World::pass(Duration time) {
  now_ += time;
  for (std::size_t index = 0; index < hosts_.size(); ++index) {
    hosts_[index].endpoint->on_time(now_);
    drain(index);
  }
}

std::optional<Packet> World::take(std::size_t choice, bool keeps) {
  if (flight_.empty()) return std::nullopt;
  const auto at = flight_.begin() + static_cast<std::ptrdiff_t>(choice % flight_.size());
  Packet packet = *at;
  if (!keeps) flight_.erase(at);
  return packet;
}

void World::step(base::ByteReader& input) {
  const auto what = input.read<std::uint8_t>();
  const std::size_t client = what >> 7;
  switch (what % 16) {
    case 0: pass(microseconds(input.read<std::uint16_t>())); break;
    case 1: {
      const auto length = input.read<std::uint16_t>();
      start(client, length, (what & 0x40U) != 0 ? input.read<std::uint16_t>() : 0U);
      drain(client);
      break;
    }
    case 2: {
      const std::size_t index = (what & 0x40U) != 0 ? kServer : client;
      supply(index, input.read<std::uint16_t>());
      drain(index);
      break;
    }
    case 3:
    case 4: {
      const auto length = input.read<std::uint16_t>();
      reply(what >> 5, length, (what & 0x20U) != 0 ? length / 2U : 0U);
      drain(kServer);
      break;
    }
    case 5: static_cast<void>(take(input.read<std::uint8_t>(), false)); break;
    case 6:
      if (const auto packet = take(input.read<std::uint8_t>(), true)) deliver(*packet);
      break;
    case 7: move(client, kAddresses[input.read<std::uint8_t>() % kAddresses.size()]); break;
    case 8: {
      const auto choice = input.read<std::uint8_t>();
      if (choice < 8) restart(choice % hosts_.size());  // seldom: it ends whatever was going on
      break;
    }
    case 9:
      if (const auto packet = take(input.read<std::uint8_t>(), false)) deliver(*packet);
      break;
    default:
      if (const auto packet = take(0, false)) deliver(*packet);
      break;
  }
}

// The network works again, and the application answers: every RPC ends.
void World::finish() {
  for (int round = 0;; ++round) {
    HOMA_CHECK(round < 100'000);
    while (const auto packet = take(0, false)) deliver(*packet);
    for (std::size_t index = 0; index < hosts_.size(); ++index) {
      while (!hosts_[index].supplies.empty()) supply(index, config_.message_bytes_max);
      drain(index);
    }
    while (!hosts_[kServer].requests.empty()) reply(0, 100, 0);
    drain(kServer);
    if (!flight_.empty()) continue;
    Time next = kNever;
    std::size_t in_progress = 0;
    for (const Host& host : hosts_) {
      in_progress += host.endpoint->rpcs_in_progress();
      next = std::min(next, host.endpoint->next_deadline());
    }
    if (in_progress == 0) break;
    HOMA_CHECK(next != kNever);
    pass(std::max(Duration::zero(), next - now_));
  }
  for (const Host& host : hosts_) {
    HOMA_CHECK(host.calls.empty() && host.sending.empty());
    HOMA_CHECK(host.endpoint->receive_region_used() == 0);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  base::ByteReader input(std::as_bytes(std::span(data, std::min<std::size_t>(size, 2'000))));
  World world(input.read<std::uint8_t>());
  while (input.ok()) world.step(input);
  world.finish();
  return 0;
}
