#include "scenario/scenario.h"

#include <gtest/gtest.h>

#include <stdexcept>

#include "scenario/packets.h"

namespace homa::test {
namespace {

constexpr Duration kTick = std::chrono::milliseconds(1);
constexpr Duration kBegin = std::chrono::seconds(1);  // the table's time 0
constexpr Port kServerPort{4000};
constexpr Port kClientPort{40000};
constexpr Port kPeerClientPort{50000};

Address peer_address(std::uint64_t peer) {
  return Address::v4(10, 0, 0, static_cast<std::uint8_t>(peer));
}

template <typename Error>
std::string error_word(Error error) {
  std::string word(to_string(error));
  for (char& c : word) c = c == ' ' ? '-' : c;
  return word;
}

ErrorCode to_error(const std::string& word) {
  for (int code = 0; code < 64; ++code) {
    if (error_word(static_cast<ErrorCode>(code)) == word) return static_cast<ErrorCode>(code);
  }
  throw std::invalid_argument("no error is called " + word);
}

// What a scenario's word stands for.
struct Named {
  std::uint64_t peer = 1;
  bool ours = false;
  RpcId id{};
  WireId wire_id{};  // the client's
  core::TransmitToken token{};
};

class Runner {
 public:
  explicit Runner(const ScenarioOptions& options)
      : options_(options), endpoint_(options.config, 1, recorder_) {
    EXPECT_TRUE(options.config.validate().has_value()) << options.config.validate().error().text;
    core::AccountId account = core::kDefaultAccount;
    if (options.memory_total > 0) {
      endpoint_.set_memory_total(options.memory_total);
      account = endpoint_.open_account(options.account).value();
    }
    EXPECT_TRUE(endpoint_.open_port(kServerPort, account).has_value());
    EXPECT_TRUE(endpoint_.open_port(kClientPort, account).has_value());
    for (std::uint64_t peer = 1; peer <= options.known_peers; ++peer) meet(peer);
  }

  void run(const std::vector<Line>& lines) {
    for (Line line : lines) {
      line.time += kBegin;
      SCOPED_TRACE(line.text);
      step(line);
      if (::testing::Test::HasFailure()) {
        for (const Out& out : outs_) std::cerr << "  waiting: " << describe(out) << '\n';
        for (const auto& event : events_) std::cerr << "  event: " << describe(event) << '\n';
        return;
      }
    }
    if (!outs_.empty()) ADD_FAILURE() << "left over: " << describe(outs_.front());
    if (!events_.empty()) ADD_FAILURE() << "left over: " << describe(events_.front());
  }

 private:
  struct Out {
    Time time;
    Address to;
    Priority priority;
    std::vector<std::byte> bytes;
  };
  struct Got {
    Time time;
    core::Event event;
  };

  // One RPC at time 0, so that it leaves no measured round trip behind.
  void meet(std::uint64_t peer) {
    const std::string to = " peer=" + std::to_string(peer);
    const auto say = [](const std::string& text) { return *Line::parse(text); };
    step(say("0 app start meeting length=1" + to));
    outs_.clear();
    step(say("0 in CUTOFFS version=1 values=0,0,0,0,0xffffffff,15000,2800,200" + to));
    step(say("0 in DATA meeting length=1 bytes=0-1" + to));
    events_.clear();
    step(say("0 in NEED_ACK meeting" + to));
    outs_.clear();
    for (const auto& [rpc, event] : held_)
      endpoint_.release(now_, event.account, event.buffer, event.length);
    held_.clear();
    names_.clear();
    done_.clear();
  }

  void step(const Line& line) {
    if (line.who == "out") return expect_out(line);
    if (line.who == "event") return expect_event(line);
    advance(line.time);
    nothing_waits();
    last_cause_ = line.time;
    if (line.who == "in") {
      in(line);
    } else if (line.who == "app") {
      app(line);
    } else if (line.who == "icmp") {
      icmp(line);
    } else if (line.who == "path") {
      path(line);
    } else if (line.who == "check") {
      check(line);
    } else if (line.who != "end") {
      throw std::invalid_argument("who is " + line.who + "?");
    }
    pump();
  }

  void nothing_waits() {
    if (!outs_.empty()) ADD_FAILURE() << "not expected: " << describe(outs_.front());
    if (!events_.empty()) ADD_FAILURE() << "not expected: " << describe(events_.front());
  }

  // Lets time pass until `to`, waking the endpoint when it asks for it.
  void advance(Time to) {
    for (int wakes = 0; endpoint_.next_deadline() <= to; ++wakes) {
      ASSERT_LT(wakes, 100'000) << "the endpoint's deadlines never end";
      now_ = std::max(now_, endpoint_.next_deadline());
      endpoint_.on_time(now_);
      pump();
    }
    now_ = std::max(now_, to);
  }

  void pump() {
    std::size_t count = 0;
    do {
      while (const auto event = endpoint_.poll_event()) take_event(*event);
      core::TxPacket packets[8];
      count = endpoint_.poll_transmit(now_, core::LinkFeedback{}, packets);
      for (std::size_t i = 0; i < count; ++i) {
        const auto& packet = packets[i];
        Out out{now_, packet.destination, packet.priority, {}};
        out.bytes.assign(packet.header.begin(), packet.header.begin() + packet.header_length);
        out.bytes.resize(out.bytes.size() + packet.payload_length);
        outs_.push_back(std::move(out));
      }
    } while (count > 0);
  }

  void take_event(const core::Event& event) {
    using Kind = core::Event::Kind;
    if (event.kind == Kind::kTransmitDone) {
      done_[event.transmit_token] = true;
      return;
    }
    events_.push_back(Got{now_, event});
    if (event.kind == Kind::kRequest) {
      // The word that began it learns the endpoint's name for it.
      const auto info = endpoint_.rpc(event.rpc);
      for (auto& [word, named] : names_) {
        if (info && !named.ours && named.wire_id == info->wire_id) named.id = event.rpc;
      }
    }
    if (event.kind == Kind::kFailed) return;
    if (options_.hold_buffers) {
      held_[raw(event.rpc)] = event;
    } else {
      endpoint_.release(now_, event.account, event.buffer, event.length);
    }
  }

  // --- Lines that cause something ---
  void app(const Line& line) {
    ErrorCode result = ErrorCode::kOk;
    if (line.what == "start") {
      result = start(line);
    } else if (line.what == "reply") {
      Named& named = names_.at(line.rpc);
      named.token = core::TransmitToken{next_token_++};
      const auto replied = endpoint_.reply(
          now_, named.id, static_cast<std::uint32_t>(line.number("length")), named.token);
      if (!replied) result = replied.error();
    } else if (line.what == "abort") {
      const auto aborted = endpoint_.abort(now_, names_.at(line.rpc).id,
                                           to_error(line.word("error")), line.has("report"));
      if (!aborted) result = aborted.error();
    } else if (line.what == "release") {
      const auto held = held_.find(raw(names_.at(line.rpc).id));
      ASSERT_NE(held, held_.end());
      endpoint_.release(now_, held->second.account, held->second.buffer, held->second.length);
      held_.erase(held);
    } else if (line.what == "close") {
      endpoint_.close_port(now_, line.rpc == "server" ? kServerPort : kClientPort);
    } else {
      throw std::invalid_argument("an application cannot " + line.what);
    }
    EXPECT_EQ(error_word(result), line.has("as") ? line.word("as") : "ok");
  }

  ErrorCode start(const Line& line) {
    Named named{.peer = line.number_or("peer", 1), .ours = true};
    named.token = core::TransmitToken{next_token_++};
    const auto id = endpoint_.start(
        now_, core::Request{.server = peer_address(named.peer),
                            .server_port = kServerPort,
                            .client_port = kClientPort,
                            .length = static_cast<std::uint32_t>(line.number("length")),
                            .transmit_token = named.token,
                            .cookie = core::Cookie{raw(named.token)}});
    if (!id) return id.error();
    named.id = *id;
    const auto info = endpoint_.rpc(*id);
    EXPECT_TRUE(info.has_value());
    if (info) named.wire_id = info->wire_id;
    names_[line.rpc] = named;
    return ErrorCode::kOk;
  }

  // The peer's RPC of that word; a new word is a new RPC of the peer's client.
  Named& name(const Line& line) {
    const auto found = names_.find(line.rpc);
    if (found != names_.end()) return found->second;
    Named named{.peer = line.number_or("peer", 1)};
    named.wire_id = WireId{1'000 + 2 * names_.size()};
    return names_[line.rpc] = named;
  }

  // What stands in a packet of ours (or the peer's) about the RPC.
  PacketFields fields(const Named& named, bool from_peer) const {
    PacketFields f;
    const Port ours = named.ours ? kClientPort : kServerPort;
    const Port theirs = named.ours ? kServerPort : kPeerClientPort;
    f.header.source_port = from_peer ? theirs : ours;
    f.header.destination_port = from_peer ? ours : theirs;
    const bool sender_is_client = named.ours != from_peer;
    f.header.sender_id = sender_is_client ? named.wire_id : other_side(named.wire_id);
    if (!from_peer) f.header.identity = endpoint_.identity_towards(peer_address(named.peer));
    f.cutoff_version = options_.cutoff_version;
    f.nonce = nonce_;
    for (const auto& [word, other] : names_) {
      f.acks[word] = wire::Ack{other.wire_id, kServerPort};
    }
    return f;
  }

  void in(const Line& line) {
    if (line.what == "CUTOFFS" && line.rpc.empty()) {
      return feed(line,
                  encode_packet(line, fields(Named{.ours = true, .wire_id = WireId{2'000}}, true)));
    }
    const Named& named = name(line);
    PacketFields f = fields(named, true);
    f.header.identity = Identity{line.number_or("life", 0) << 40};
    if (line.what != "DATA") return feed(line, encode_packet(line, f), named.peer);
    const auto [begin, end] = line.range();
    const std::uint32_t most = options_.config.payload_bytes_max;
    for (std::uint32_t at = begin; at < end;) {
      const std::uint32_t next = std::min(end, at + most);
      feed(line, encode_data(line, f, at, next), named.peer);
      at = next;
    }
  }

  void feed(const Line& line, const std::vector<std::byte>& packet, std::uint64_t peer = 1) {
    const auto outcome = endpoint_.on_packet(
        now_, core::RxPacket{peer_address(line.number_or("peer", peer)), packet});
    const bool dropped = outcome.kind == core::RxOutcome::Kind::kDropped;
    ASSERT_EQ(dropped ? error_word(outcome.reason) : "taken",
              line.has("drop") ? line.word("drop") : "taken");
    pump();
  }

  void icmp(const Line& line) {
    using Kind = core::Unreachable::Kind;
    core::Unreachable what{.peer = peer_address(line.number_or("peer", 1)), .quoted = {}};
    what.kind = line.what == "port"       ? Kind::kPort
                : line.what == "protocol" ? Kind::kProtocol
                                          : Kind::kHost;
    wire::HeaderBuffer quoted;
    if (!line.rpc.empty()) {
      const Named& named = names_.at(line.rpc);
      wire::UnknownHeader header{fields(named, false).header};
      what.peer = peer_address(named.peer);
      what.quoted = std::span(quoted).first(wire::encode(header, quoted));
      // The common header is the same for all types.
      if (line.has("data")) quoted[11] = std::byte{raw(wire::PacketType::kData)};
    }
    endpoint_.on_unreachable(now_, what);
  }

  void path(const Line& line) {
    endpoint_.on_path(now_, {peer_address(line.number_or("peer", 1)),
                             static_cast<std::uint32_t>(line.number_or("packet", 0)),
                             static_cast<std::uint32_t>(line.number_or("device", 0)),
                             line.number_or("megabits", 0) * 1'000'000});
    if (line.what != "too-big") return;
    const Named& named = names_.at(line.rpc);
    wire::DataHeader header;
    header.common = fields(named, false).header;
    header.segment_offset = static_cast<std::uint32_t>(line.number("offset"));
    wire::HeaderBuffer quoted;
    endpoint_.on_too_big(now_, peer_address(named.peer),
                         std::span(quoted).first(wire::encode(header, quoted)));
  }

  void check(const Line& line) {
    if (line.has("rpcs")) {
      EXPECT_EQ(endpoint_.rpcs_in_progress(), line.number("rpcs"));
    }
    if (line.has("region")) {
      EXPECT_EQ(endpoint_.receive_region_used(), line.number("region"));
    }
    if (line.has("peers")) {
      EXPECT_EQ(endpoint_.peers(), line.number("peers"));
    }
    if (line.has("granted")) {
      EXPECT_EQ(endpoint_.granted_not_received(), line.number("granted"));
    }
  }

  // --- Lines that say what must come ---
  // The latest time for something on this line.
  Time patience(const Line& line) const {
    return line.time == last_cause_ ? line.time : line.time + kTick;
  }
  void on_time(const Line& line, Time happened) const {
    const Duration off = happened - line.time;
    const Duration allowed = line.time == last_cause_ ? Duration::zero() : kTick;
    EXPECT_LE(off, allowed) << "too late, at " << milliseconds(happened) << " ms";
    EXPECT_GE(off, -allowed) << "too early, at " << milliseconds(happened) << " ms";
  }

  void expect_out(const Line& line) {
    if (outs_.empty()) advance_until(patience(line), [this] { return !outs_.empty(); });
    if (outs_.empty()) {
      ADD_FAILURE() << "no packet came";
      return;
    }
    if (line.what == "DATA" && line.has("bytes")) return expect_data(line);
    const Out out = outs_.front();
    outs_.pop_front();
    const Named named = line.rpc.empty() ? Named{.ours = true} : name(line);
    compare(line, named, out);
    if (const auto challenge = wire::parse_challenge(out.bytes); line.what == "CHALLENGE") {
      nonce_ = challenge->nonce;
    }
  }

  // All the packets of one range.
  void expect_data(const Line& line) {
    const Named& named = name(line);
    auto [at, end] = line.range();
    while (at < end) {
      if (outs_.empty()) advance_until(patience(line), [this] { return !outs_.empty(); });
      ASSERT_FALSE(outs_.empty()) << "the packet from " << at << " on did not come";
      const Out out = outs_.front();
      outs_.pop_front();
      ASSERT_NO_FATAL_FAILURE(compare(line, named, out));
      const auto data = wire::parse_data(out.bytes);
      ASSERT_TRUE(data.has_value()) << describe(out);
      ASSERT_EQ(data->offset(), at) << describe(out);
      ASSERT_LE(data->payload.size(), options_.config.payload_bytes_max);
      if (line.has("size")) {
        ASSERT_EQ(data->payload.size(), std::min<std::uint64_t>(line.number("size"), end - at));
      }
      at += static_cast<std::uint32_t>(data->payload.size());
    }
    EXPECT_EQ(at, end) << "the last packet goes beyond";
  }

  void compare(const Line& line, const Named& named, const Out& out) {
    on_time(line, out.time);
    ASSERT_EQ(out.to, peer_address(line.number_or("to", named.peer))) << describe(out);
    if (line.has("prio")) {
      ASSERT_EQ(int{out.priority}, line.number("prio")) << describe(out);
    }
    const std::string problem =
        compare_packet(line, fields(named, false), !line.rpc.empty(), out.bytes);
    ASSERT_EQ(problem, "") << describe(out);
  }

  void expect_event(const Line& line) {
    if (line.what == "done") {
      const core::TransmitToken token = name(line).token;
      EXPECT_TRUE(done_[token]) << "its bytes are still in use";
      return;
    }
    if (events_.empty()) advance_until(patience(line), [this] { return !events_.empty(); });
    if (events_.empty()) {
      ADD_FAILURE() << "no event came";
      return;
    }
    const Got got = events_.front();
    events_.pop_front();
    on_time(line, got.time);
    using Kind = core::Event::Kind;
    const Kind kind = line.what == "request"    ? Kind::kRequest
                      : line.what == "response" ? Kind::kResponse
                                                : Kind::kFailed;
    EXPECT_EQ(static_cast<int>(got.event.kind), static_cast<int>(kind)) << describe(got);
    const Named& named = name(line);
    EXPECT_EQ(raw(got.event.rpc), raw(named.id)) << describe(got);
    EXPECT_EQ(got.event.peer, peer_address(named.peer));
    if (named.ours) {
      EXPECT_EQ(got.event.cookie, core::Cookie{raw(named.token)});
    }
    if (line.has("length")) {
      EXPECT_EQ(got.event.length, line.number("length"));
    }
    if (line.has("error")) {
      EXPECT_EQ(error_word(got.event.error), line.word("error"));
    }
    if (line.has("executed")) {
      EXPECT_EQ(to_string(got.event.executed), to_string(executed_of(line.word("executed"))));
    }
  }

  template <typename Condition>
  void advance_until(Time latest, Condition happened) {
    while (!happened() && endpoint_.next_deadline() <= latest) advance(endpoint_.next_deadline());
  }

  static double milliseconds(Time time) {
    return static_cast<double>((time.time_since_epoch() - kBegin).count()) / 1e6;
  }
  std::string describe(const Out& out) const {
    return std::to_string(milliseconds(out.time)) + " ms to " + out.to.to_string() + " prio " +
           std::to_string(out.priority) + ": " + describe_packet(out.bytes);
  }
  static std::string describe(const Got& got) {
    static const char* const kinds[] = {"request", "response", "failed", "done"};
    return std::to_string(milliseconds(got.time)) + " ms " +
           kinds[static_cast<int>(got.event.kind)] + " length " + std::to_string(got.event.length) +
           " error " + error_word(got.event.error);
  }

  ScenarioOptions options_;
  trace::Recorder recorder_;
  core::Endpoint endpoint_;
  Time now_{};
  Time last_cause_{};
  std::map<std::string, Named> names_;
  std::deque<Out> outs_;
  std::deque<Got> events_;
  std::map<std::uint64_t, core::Event> held_;  // whose buffers were not released, by RPC
  std::map<core::TransmitToken, bool> done_;
  std::uint64_t next_token_ = 1;
  std::uint64_t nonce_ = 0;  // of the last CHALLENGE
};

}  // namespace

void run_scenario(std::string_view table, const ScenarioOptions& options) {
  Runner(options).run(parse_table(table));
}

}  // namespace homa::test
