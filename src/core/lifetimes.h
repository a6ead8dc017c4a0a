// The life of an RPC: how it starts, what it holds, how it ends; and of the ports and accounts that
// it belongs to.
//
// Where nothing else is said, a call works in O(log of what is in progress).
#pragma once

#include <cstdint>

#include "core/endpoint.h"
#include "core/endpoint_state.h"
#include "core/strangers.h"
#include "core/transmitter.h"

namespace homa::core {

class Lifetimes {
 public:
  Lifetimes(EndpointState& state, Transmitter& transmitter, Strangers& strangers);
  // RPCs in progress leave the queues and sets of the other parts, which are still there.
  ~Lifetimes();
  Lifetimes(const Lifetimes&) = delete;
  Lifetimes& operator=(const Lifetimes&) = delete;

  // --- Accounts and ports: as in Endpoint ---
  Result<AccountId, ErrorCode> open_account(const AccountLimits& limits);
  void give_memory(Time now, AccountId id, std::uint64_t receive_bytes);
  void close_account(Time now, AccountId id);
  Result<Port, ErrorCode> open_port(Port port, AccountId id);
  void stop_accepting(Port port);
  void announce_above(Port port, std::uint32_t bytes);
  void close_port(Time now, Port port);
  // Ends RPCs of closed ports, a bounded number. Call while Admission::closing().
  void close_step(Time now);

  // --- From applications: as in Endpoint ---
  Result<RpcId, ErrorCode> start(Time now, const Request& request);
  Result<void, ErrorCode> reply(Time now, RpcId id, std::uint32_t length, TransmitToken token,
                                std::uint32_t pending);
  Result<void, ErrorCode> supply(Time now, RpcId id, std::uint32_t bytes);
  Result<void, ErrorCode> abort(Time now, RpcId id, ErrorCode code, bool report);
  bool release(Time now, AccountId id, BufferOffset buffer, std::uint32_t length);
  bool awaits_short() const { return short_calls_ > 0; }
  RpcInfo info(const Rpc& rpc) const;

  // --- For the other parts ---
  // A record of a host that has none. nullptr: there is no room.
  Peer* new_peer(Time now, Identity identity, const Address& address);
  // The client has what it asked for.
  void acked(Time now, Peer& peer, const wire::Ack& ack);
  // The RPC ends without its result; the application is told, if `report` and it waits for that.
  void fail(Time now, Rpc& rpc, ErrorCode code, bool report);
  // Frees the record and what it holds. What waited for memory may begin.
  void end(Time now, Rpc& rpc);
  // Of a port that was closed: its peer is told.
  void end_closed(Time now, Rpc& rpc);
  // There is room in the pool: messages that wait for it begin. Work for each that does.
  void serve_waiting(Time now, BufferPool& pool);
  // There is room for the message: it begins to arrive.
  void has_buffer(Time now, Rpc& rpc);
  // Its sender may send on from now on, as far as it is granted.
  void grant_rest(Time now, Rpc& rpc);
  // There was no room for the message.
  void waits_for_memory(Time now, Rpc& rpc);
  // All accounts of which messages wait get a chance, a bounded number at a time. Call again while
  // serves_accounts().
  void serve_waiting_accounts(Time now);
  bool serves_accounts() const { return accounts_to_serve_ > 0; }

 private:
  void serve_if_waited(Time now, BufferPool& pool);
  bool may_send(Account& account, std::uint32_t length);

  EndpointState& state_;
  Transmitter& transmitter_;
  Strangers& strangers_;
  std::uint32_t short_calls_ = 0;      // ours in progress, with a short request
  std::uint32_t closing_slot_ = 0;     // whose RPC is looked at next, while ports are closing
  std::size_t accounts_to_serve_ = 0;  // of those of which messages wait
};

}  // namespace homa::core
