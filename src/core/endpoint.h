// One host's Homa: every RPC, peer, grant, priority and timer of it, without I/O.
//
// Time and packets come in as arguments, packets and events are pulled out; the endpoint calls
// nobody. The same configuration, seed and calls give the same results, bit for bit. Message bytes
// do not live here: the caller keeps them in transmit memory, named by `transmit_token`, and in a
// receive region, where the endpoint only says which bytes belong to whom.
//
// Duties of the owner, who is one thread:
//  - After any call, drain poll_event(), then poll_transmit() until it gives nothing.
//  - Call on_time() when next_deadline() has come. Early, late or twice is harmless.
//  - `now` never goes backwards.
// Every call does work bounded by the packet or call at hand, except when a whole port or peer ends
// (close_port, on_unreachable, a peer's restart): those visit every RPC.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "base/types.h"
#include "core/config.h"
#include "homa/address.h"
#include "homa/error.h"
#include "homa/result.h"
#include "trace/trace.h"
#include "wire/codec.h"

namespace homa::core {

// Where a message's bytes are in the receive region.
using BufferOffset = std::uint64_t;

struct RxPacket {
  Address source;
  std::span<const std::byte> bytes;  // from the Homa header on, to the packet's end
};

enum class DropReason : std::uint8_t {
  kMalformed,     // wire::ParseError; counted by error
  kNoSuchPort,    // a request for a port that nobody bound
  kUnknownRpc,    // a packet for an RPC that is not, or no longer, here
  kFinished,      // a request that ran before
  kDuplicate,     // bytes that are here already
  kMismatch,      // contradicts what the RPC's earlier packets said
  kTooLong,       // message longer than the limit
  kNoBuffer,      // no room in the receive region now
  kOverloaded,    // no room for a further request
  kNotForClient,  // a request to a client's port
};
inline constexpr std::size_t kDropReasons = 10;
std::string_view to_string(DropReason reason);

// What became of a packet. kDeliver: copy packet bytes [payload_offset, +length) to `buffer`.
struct RxOutcome {
  enum class Kind : std::uint8_t { kConsumed, kDeliver, kDropped };
  Kind kind = Kind::kConsumed;
  DropReason reason{};
  std::uint32_t payload_offset = 0;
  std::uint32_t length = 0;
  BufferOffset buffer = 0;  // of this payload's first byte
  RpcId rpc{};
  std::uint32_t message_offset = 0;  // of this payload's first byte in its message
};

struct Request {
  Address server;
  Port server_port{};
  Port client_port{};  // opened with open_port()
  std::uint32_t length = 0;
  std::uint64_t transmit_token = 0;  // given back in TxPacket and in Event::kTransmitDone
  std::uint64_t cookie = 0;          // given back with the response or the failure
  std::uint32_t pending = 0;         // bytes at its end that are not there yet: supply() follows
};

struct Event {
  enum class Kind : std::uint8_t {
    kRequest,       // a whole request arrived: length bytes at `buffer`, until release()
    kResponse,      // a whole response arrived; the RPC is over, its buffer stays until release()
    kFailed,        // an RPC of ours ended without response, or (served) before it was answered
    kTransmitDone,  // transmit_token's bytes are needed no more
  };
  Kind kind = Kind::kRequest;
  ErrorCode error = ErrorCode::kOk;
  Port local_port{};
  Port peer_port{};
  Address peer;
  RpcId rpc{};
  std::uint32_t length = 0;
  BufferOffset buffer = 0;
  std::uint64_t cookie = 0;
  std::uint64_t transmit_token = 0;
};

// A packet to send: header bytes, then payload [payload_offset, +payload_length) of the message
// named by transmit_token.
struct TxPacket {
  Address destination;
  Priority priority = 0;
  std::uint8_t header_length = 0;
  std::uint32_t payload_length = 0;
  std::uint32_t payload_offset = 0;
  std::uint64_t transmit_token = 0;
  wire::HeaderBuffer header;
};

// What the device says of its own queue, where the back end can know.
struct LinkFeedback {
  std::optional<std::uint64_t> device_queue_bytes;
};

// An ICMP message (or the like) about a packet of ours.
struct Unreachable {
  enum class Kind : std::uint8_t { kPort, kProtocol, kHost };
  Address peer;
  Kind kind = Kind::kHost;
  std::span<const std::byte> quoted;  // the packet's Homa header, as far as quoted; may be empty
};

// A snapshot of an RPC in progress, for people and tools.
struct RpcInfo {
  RpcId id{};
  WireId wire_id{};
  Address peer;
  Port local_port{};
  Port peer_port{};
  enum class State : std::uint8_t { kSending, kWaiting, kReceiving, kServing, kReplying };
  State state = State::kSending;
  std::uint32_t send_length = 0, sent = 0, send_granted = 0;
  std::uint32_t receive_length = 0, received = 0, receive_granted = 0;
  std::uint32_t gaps = 0;
  std::uint32_t silent_ticks = 0;
};

class Endpoint {
 public:
  // `config` is valid (CoreConfig::validate). `recorder` outlives the endpoint.
  Endpoint(const CoreConfig& config, std::uint64_t seed, trace::Recorder& recorder);
  ~Endpoint();
  Endpoint(const Endpoint&) = delete;
  Endpoint& operator=(const Endpoint&) = delete;

  // --- From the network and the clock ---
  RxOutcome on_packet(Time now, const RxPacket& packet);
  void on_unreachable(Time now, const Unreachable& what);
  void on_time(Time now);

  // --- From applications ---
  // Ports: 1..32767 take requests; 32768..65535 start RPCs. kInUse if open already; port 0 asks for
  // a free client port, chosen at random.
  Result<Port, ErrorCode> open_port(Port port);
  // Ends every RPC of the port; their peers are told. Buffers not yet released stay valid.
  void close_port(Time now, Port port);

  // kInvalidArgument (length 0, a port that is not open), kTooLong, kNoMemory (rpcs_max reached).
  Result<RpcId, ErrorCode> start(Time now, const Request& request);
  // Answers a request that arrived in kRequest. kNoSuchRpc when it ended meanwhile (then no
  // kTransmitDone follows), kTooLong, kInvalidArgument (length 0, or answered already).
  // `pending`: as in Request.
  Result<void, ErrorCode> reply(Time now, RpcId rpc, std::uint32_t length,
                                std::uint64_t transmit_token, std::uint32_t pending = 0);
  // The first `bytes` of what the RPC sends are there, for a message that was started with some
  // pending. Silence is not held against the peer meanwhile. kNoSuchRpc when it ended,
  // kInvalidArgument when it sends nothing.
  Result<void, ErrorCode> supply(Time now, RpcId rpc, std::uint32_t bytes);
  // Ends an RPC, ours or served. The peer is told `code`; kOk: nobody is told, nothing is sent, and
  // no ack is owed (the simulator's one-way messages). `report`: an Event::kFailed follows.
  Result<void, ErrorCode> abort(Time now, RpcId rpc, ErrorCode code, bool report);
  // The application is done with a message's buffer (from kRequest or kResponse). False, and
  // nothing happens, when that is no such buffer: the pair may come from another process.
  bool release(Time now, BufferOffset buffer, std::uint32_t length);

  // --- To the network and applications ---
  // Fills `out` with what may be sent now; returns how many. Control packets first, then DATA by
  // SRPT, held back by the link model. 0: nothing, or not yet (see next_deadline()).
  std::size_t poll_transmit(Time now, const LinkFeedback& link, std::span<TxPacket> out);
  // False: poll_transmit() has nothing, and that is quicker to ask.
  bool transmits() const;
  std::optional<Event> poll_event();
  // When on_time() or poll_transmit() next has something to do if nothing arrives; kNever: idle.
  Time next_deadline() const;

  // --- For tools and tests ---
  const CoreConfig& config() const;
  std::uint32_t incarnation() const;
  std::size_t rpcs_in_progress() const;  // live RPC records, ours and served
  std::size_t peers() const;
  std::uint64_t receive_region_used() const;
  std::uint64_t granted_not_received() const;  // bounded by max_incoming at every grant
  std::vector<RpcInfo> rpcs(Port port) const;  // unbounded work: for tools
  std::optional<RpcInfo> rpc(RpcId id) const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace homa::core
