// One host's Homa: every RPC, peer, grant, priority and timer of it, without I/O.
//
// Time and packets come in as arguments, packets and events are pulled out; the endpoint calls
// nobody. The same configuration, seed and calls give the same results, bit for bit. Message bytes
// do not live here: the caller keeps them in transmit memory, named by `transmit_token`, and in a
// receive region, where the endpoint only says which bytes belong to whom.
//
// Duties of the owner, who is one thread:
//  - `now` never goes backwards.
//  - When on_packet() says kDeliver, copy the payload before the next call of poll_event(): the
//    event that hands the message over may be there already.
//  - After any call, drain poll_event(), then poll_transmit() until it gives nothing.
//  - Call on_time() when next_deadline() has come. Early, late or twice is harmless.
//  - Keep a message's bytes unchanged in transmit memory until its kTransmitDone.
//  - Give back each buffer of a kRequest or kResponse once, by release().
//
// Work: a call does what the packet or call at hand needs, in O(log of what is in progress), except
// where it says otherwise.
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
#include "core/memory_pressure.h"
#include "core/packets.h"
#include "homa/error.h"
#include "homa/result.h"
#include "trace/trace.h"

namespace homa::core {

// A snapshot of an RPC in progress, for people and tools.
struct RpcInfo {
  RpcId id{};
  Cookie cookie{};  // of an RPC of ours
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
  Time began{};
};

class Endpoint {
 public:
  // `config` is valid (CoreConfig::validate). `recorder` outlives the endpoint.
  Endpoint(const CoreConfig& config, std::uint64_t seed, trace::Recorder& recorder);
  ~Endpoint();
  Endpoint(const Endpoint&) = delete;
  Endpoint& operator=(const Endpoint&) = delete;

  // --- From the network and the clock ---
  // The outcome is valid until the next call. A packet that proves that
  // another host is at a peer's address ends RPCs with that peer: that visits each of its RPCs.
  RxOutcome on_packet(Time now, const RxPacket& packet);
  // Ends the RPC that it quotes a packet of. Kinds other than kPort make us ask the peer about
  // another RPC. Work for at most two RPCs.
  void on_unreachable(Time now, const Unreachable& what);
  // Work for each timer that is due, and a bounded number of RPCs of closed ports.
  void on_time(Time now);

  // --- Ways to peers (docs/protocol.md#path-mtu) ---
  // A peer whose way the endpoint would like to know, because a message for it begins. Ask before
  // poll_transmit(); an owner that never asks has one packet size for all peers. Each is asked
  // about once, and again after on_paths_changed().
  std::optional<Address> poll_path_question();
  // The answer, or news: the peer's packets keep to it from now on.
  void on_path(Time now, const PathInfo& path);
  void on_paths_changed();
  // A DATA packet of ours, whose header is `quoted`, did not fit. After on_path(): what was cut too
  // long goes again at once. Anything that does not name such a packet is ignored.
  void on_too_big(Time now, const Address& peer, std::span<const std::byte> quoted);

  // --- From applications ---
  // One more account, with receive memory of its own. The default account needs no opening, and has
  // no limits. kNoMemory: no more memory can be guaranteed.
  Result<AccountId, ErrorCode> open_account(const AccountLimits& limits);
  // One more account without memory or limits: its messages wait until give_memory(), once, with
  // `receive_bytes` > 0. That throws std::bad_alloc, and then nothing has changed.
  Result<AccountId, ErrorCode> open_account_without_memory();
  void give_memory(Time now, AccountId account, std::uint64_t receive_bytes);
  // Of the messages of all accounts, in bytes; at first there is no limit
  // (docs/protocol.md#pressure).
  void set_memory_total(std::uint64_t bytes);
  // Closes all ports of the account, as close_port() does. Its memory may go at once: buffers that
  // were not released are void. The id may be given again when rpcs in progress have ended.
  void close_account(Time now, AccountId account);

  // Ports: 1..32767 take requests; 32768..65535 start RPCs. kInUse if open already; port 0 asks for
  // a free client port, chosen at random. kInvalidArgument: no such account.
  Result<Port, ErrorCode> open_port(Port port, AccountId account = kDefaultAccount);
  // While a host starts, a request to a port that was never open is dropped unanswered: its
  // server may be about to open it, and the client tries again.
  void set_starting(bool starting);
  // Ends every RPC of the port; their peers are told. The port can be opened again at once. A call
  // ends a bounded number; on_time() ends the rest. Buffers not yet released stay valid.
  void close_port(Time now, Port port);

  // From now on requests to the port whose first packet comes are refused with kDraining. What is
  // in progress goes on. A port that is not open: nothing happens.
  void stop_accepting(Port port);

  // From now on a request to the port of more than `bytes` is announced by a kHead, and nothing
  // more of it is granted until decide(). One that its client may send whole unasked is not. A port
  // that is not open: nothing happens.
  void announce_above(Port port, std::uint32_t bytes);
  // After a kHead, once: the rest is to come, or (`refusal` not kOk) the request ends and its
  // client hears why. kNoSuchRpc: it ended before, and its buffer is the owner's to release().
  Result<void, ErrorCode> decide(Time now, RpcId rpc, ErrorCode refusal);

  // kInvalidArgument (length 0, a port that is not open), kTooLong, kNoMemory (rpcs_max reached).
  Result<RpcId, ErrorCode> start(Time now, const Request& request);
  // Answers a request that arrived in kRequest. kNoSuchRpc when it ended meanwhile (then no
  // kTransmitDone follows), kTooLong, kInvalidArgument (length 0, or answered already).
  // `pending`: as in Request.
  Result<void, ErrorCode> reply(Time now, RpcId rpc, std::uint32_t length,
                                TransmitToken transmit_token, std::uint32_t pending = 0);
  // The first `bytes` of what the RPC sends are there, for a message that was started with some
  // pending. Silence is not held against the peer meanwhile. kNoSuchRpc when it ended,
  // kInvalidArgument when it sends nothing.
  Result<void, ErrorCode> supply(Time now, RpcId rpc, std::uint32_t bytes);
  // Ends an RPC, ours or served. The peer is told `code`; kOk: nobody is told, nothing is sent, and
  // no ack is owed (the simulator's one-way messages). `report`: an Event::kFailed follows.
  Result<void, ErrorCode> abort(Time now, RpcId rpc, ErrorCode code, bool report);
  // The application is done with a message's buffer (from kRequest or kResponse). False, and
  // nothing happens, when that is no such buffer: all three may come from another process.
  bool release(Time now, AccountId account, BufferOffset buffer, std::uint32_t length);

  // --- Pages of receive memory (docs/operating.md#memory) ---
  // About once a second: begin_memory_pass(), then memory_pass_step() until it says that the pass
  // is over. The owner gives the pages that a step found back to the system before anything else.
  // A step finds at most `bytes_max`, and looks at a bounded part of the memory.
  void begin_memory_pass(AccountId account);
  UnusedMemory memory_pass_step(AccountId account, std::uint64_t bytes_max);

  // --- To the network and applications ---
  // Fills `out` with what may be sent now; returns how many. Control packets first, then DATA by
  // SRPT, held back by the link model. 0: nothing, or not yet (see next_deadline()). Work for each
  // packet that is filled in.
  std::size_t poll_transmit(Time now, const LinkFeedback& link, std::span<TxPacket> out);
  // False: poll_transmit() has nothing, and that is quicker to ask.
  bool transmits() const;
  // Messages that are too short to be paced, and wait for poll_transmit().
  std::size_t short_messages_waiting() const;
  // An RPC of ours with a request shorter than defer_bytes_min is in progress: its caller waits for
  // each packet.
  bool awaits_short() const;
  // The next event, in order. One call, one event. Its buffer is valid until release().
  std::optional<Event> poll_event();
  // When on_time() or poll_transmit() next has something to do if nothing arrives; kNever: idle.
  // Valid until the next call that is not const.
  Time next_deadline() const;

  // --- For tools and tests ---
  const CoreConfig& config() const;
  // Changes a parameter while the endpoint works; what is timed already is not timed anew.
  // kInvalidArgument: core::change_field() says why.
  Result<void, Error> set_parameter(std::string_view name, std::string_view value);
  Identity identity_towards(const Address& peer) const;  // that a new peer there sees
  std::size_t rpcs_in_progress() const;                  // live RPC records, ours and served
  std::size_t peers() const;
  std::uint64_t receive_region_used() const;  // of all accounts
  // The receive memory of some account is more than half used.
  bool receive_memory_is_short() const;
  PressureLevel pressure() const;
  // All zero: no such account.
  MemoryUse memory_use(AccountId account) const;
  // Messages and sends of all accounts that gave way so far.
  std::uint64_t remedies() const;
  std::uint64_t granted_not_received() const;  // bounded by max_incoming at every grant
  // Appends the RPCs in `count` places of the table, from `first` on, to `infos`. Returns where to
  // go on; 0: that was the last.
  std::uint32_t rpcs(std::uint32_t first, std::uint32_t count, std::vector<RpcInfo>& infos) const;
  std::optional<RpcInfo> rpc(RpcId id) const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace homa::core
