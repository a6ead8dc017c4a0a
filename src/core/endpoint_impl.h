// The inside of Endpoint: it only dispatches. The rules are in the leaves that it owns; what
// happens to one RPC is in endpoint_receive.cc, endpoint_transmit.cc, endpoint_timers.cc,
// endpoint_paths.cc, endpoint_identity.cc, endpoint_pressure.cc and endpoint_rpcs.cc.
#pragma once

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <random>
#include <vector>

#include "core/accounts.h"
#include "core/admission.h"
#include "core/control_queue.h"
#include "core/downlink.h"
#include "core/endpoint.h"
#include "core/event_queue.h"
#include "core/grant_scheduler.h"
#include "core/peer_table.h"
#include "core/priority_map.h"
#include "core/retry_timers.h"
#include "core/rpc_table.h"
#include "core/silence.h"
#include "core/uplinks.h"

namespace homa::core {

inline constexpr RxOutcome kConsumed{};

class Endpoint::Impl {
 public:
  Impl(const CoreConfig& config, std::uint64_t seed, trace::Recorder& recorder);
  ~Impl();

  RxOutcome on_packet(Time now, const RxPacket& packet);
  void on_unreachable(Time now, const Unreachable& what);
  void on_time(Time now);
  std::optional<Address> poll_path_question();
  void on_path(Time now, const PathInfo& path);
  void on_paths_changed() { ++path_generation_; }
  void on_too_big(Time now, const Address& peer, std::span<const std::byte> quoted);
  Result<AccountId, ErrorCode> open_account(const AccountLimits& limits);
  void give_memory(Time now, AccountId id, std::uint64_t receive_bytes);
  void close_account(Time now, AccountId id);
  Result<Port, ErrorCode> open_port(Port port, AccountId account);
  void close_port(Time now, Port port);
  void stop_accepting(Port port) {
    if (LocalPort* open = admission_.find(port)) open->draining = true;
  }
  Result<RpcId, ErrorCode> start(Time now, const Request& request);
  Result<void, ErrorCode> reply(Time now, RpcId id, std::uint32_t length, TransmitToken token,
                                std::uint32_t pending);
  Result<void, ErrorCode> supply(Time now, RpcId id, std::uint32_t bytes);
  Result<void, ErrorCode> abort(Time now, RpcId id, ErrorCode code, bool report);
  bool release(Time now, AccountId account, BufferOffset buffer, std::uint32_t length);
  std::size_t poll_transmit(Time now, const LinkFeedback& link, std::span<TxPacket> out);
  bool awaits_short() const { return short_calls_ > 0; }
  bool transmits() const {
    if (!controls_.empty() || grants_.wanted()) return true;
    return std::any_of(uplinks_.begin(), uplinks_.end(), [](const Uplink& link) {
      return link.queue.small_waiting() || link.queue.paced_waiting();
    });
  }
  std::optional<Event> poll_event() { return events_.next(); }
  Time next_deadline() const;
  RpcInfo info(const Rpc& rpc) const;

 private:
  friend class Endpoint;

  struct Parties {
    Peer* peer = nullptr;  // who sent it
    Rpc* rpc = nullptr;    // what it is about
    bool refused = false;  // it pretends to be of another host
  };

  // --- endpoint_receive.cc: one packet ---
  RxOutcome on_control(Time now, const RxPacket& packet);
  RxOutcome dispatch(Time now, const RxPacket& packet, const wire::CommonHeader& common);
  RxOutcome on_data(Time now, const RxPacket& packet);
  RxOutcome on_request_data(Time now, const RxPacket& packet, const wire::DataHeader& data);
  RxOutcome on_response_data(Time now, const RxPacket& packet, const wire::DataHeader& data);
  RxOutcome take_data(Time now, Rpc& rpc, const RxPacket& packet, const wire::DataHeader& data);
  RxOutcome on_grant(Time now, const RxPacket& packet, Rpc* rpc);
  RxOutcome on_resend(Time now, const RxPacket& packet, const Parties& who);
  RxOutcome on_resend_of_unknown(Time now, const RxPacket& packet, Peer* peer,
                                 const wire::CommonHeader& about);
  RxOutcome on_data_to_closed_port(Time now, const RxPacket& packet, const wire::DataHeader& data);
  RxOutcome on_unknown(Time now, Rpc* rpc, const wire::CommonHeader& common);
  ByteRange within_budget(Time now, Rpc& rpc, ByteRange range);
  void knows_no_longer(Time now, Rpc& rpc);
  void begin_again(Time now, Rpc& rpc);
  RxOutcome on_cutoffs(Time now, const RxPacket& packet, Peer* peer);
  RxOutcome on_need_ack(Time now, const RxPacket& packet, const Parties& who,
                        const wire::CommonHeader& common);
  RxOutcome on_ack(Time now, const RxPacket& packet, Peer* peer);
  RxOutcome on_error(Time now, const RxPacket& packet, Rpc* rpc);
  RxOutcome drop(Time now, DropReason reason, const RxPacket& packet, WireId id);
  // A new request's RPC, or why there is none.
  Result<Rpc*, Admission::Refusal> admit(Time now, Peer& peer, LocalPort& port,
                                         const wire::DataHeader& data);
  RxOutcome refuse(Time now, const RxPacket& packet, const wire::DataHeader& data, Peer* peer,
                   const Admission::Refusal& refusal);
  void announce(Time now, Rpc& rpc, const wire::DataHeader& data);
  void answer_cutoffs(Time now, const RxPacket& packet, Peer& peer, const wire::DataHeader& data);
  void acked(Time now, Peer& peer, const wire::Ack& ack);
  void heard(Time now, Rpc& rpc);
  void complete(Time now, Rpc& rpc);

  // --- endpoint_identity.cc: who is where ---
  Parties parties(Time now, const RxPacket& packet, const wire::CommonHeader& common);
  Peer* sender(Time now, const RxPacket& packet, const wire::CommonHeader& common);
  Peer* newcomer(Time now, const Address& from, Identity identity);
  bool belongs_to_ours(Time now, const Address& address);
  Way way_back(const RxPacket& packet, const Peer* peer) const;
  Parties answered(Time now, Rpc& rpc, const RxPacket& packet, const wire::CommonHeader& common);
  bool is_called_at(Identity identity, const Address& address);
  Parties answered_by_another(Time now, Rpc& rpc, const wire::CommonHeader& common);
  void join(Time now, Rpc& rpc, Peer& peer);
  void note_packet_of(Time now, Peer& peer, const RxPacket& packet,
                      const wire::CommonHeader& common);
  void claim(Time now, Peer& peer, const wire::CommonHeader& common);
  void contest(Time now, const RxPacket& packet, const wire::CommonHeader& common);
  void question(Time now, Peer& here, const wire::CommonHeader& about);
  void challenge(Time now, Peer& peer, const wire::CommonHeader& about);
  RxOutcome on_challenge(Time now, const RxPacket& packet, const Peer* peer);
  RxOutcome on_answer(Time now, const RxPacket& packet, Peer* peer);
  void answered_there(Time now, Peer& here, const RxPacket& packet, Peer* peer, Identity identity);
  void address_proved(Time now, Peer& peer);
  void take_place(Time now, Peer& peer);
  void moved(Time now, Peer& peer, const RxPacket& packet);
  void look_after_move(Time now, Rpc& rpc);
  void succeeded(Time now, Peer& former);
  Time gone_at(const Peer& peer) const;
  void peer_is_gone(Time now, Peer& peer);

  // --- endpoint_strangers.cc: peers that have not proved their address ---
  bool is_stranger(const Peer& peer) const {
    return !peer.proved && !(peer.identity == kNoIdentity && config_.trust_kernel_peers);
  }
  bool may_send_to(Peer& peer, std::size_t bytes);
  void tell_end(Time now, Rpc& rpc, ErrorCode code);
  // The answer to a packet of a peer, if that is known, about no RPC that is here.
  bool may_answer(Peer* peer, std::size_t bytes) {
    return peer == nullptr || may_send_to(*peer, bytes);
  }
  ByteRange may_send_again(Rpc& rpc, ByteRange range);
  void say_busy(Time now, Rpc& rpc, const Way& to);
  void make_room_for_half_sent(Time now, Account& account, std::uint32_t length);
  void half_sent_by_stranger(Rpc& rpc);
  void no_longer_half_sent(Rpc& rpc);
  void limit_response(Time now, Rpc& rpc);
  void give_grant(Time now, Rpc& rpc, std::uint32_t offset) {
    if (!rpc.is_client && is_stranger(*rpc.peer)) return grant_stranger(now, rpc, offset);
    rpc.out.grant(offset);
  }
  void grant_stranger(Time now, Rpc& rpc, std::uint32_t offset);
  void let_go(Peer& peer);
  void forget_stranger(Rpc& rpc);
  bool has_slot(const LocalPort& port, const Peer& peer, bool stranger) const {
    return admission_.has_slot(port, peer, stranger) && accounts_.has_rpc_slot(*port.account);
  }
  bool make_room_for(Time now, const LocalPort& port, const Peer& newcomer);
  Rpc* oldest_unproved();
  bool is_unwanted(Time now, const Rpc& rpc, const LocalPort& port, const Peer& newcomer) const;
  Rpc* unwanted_response(Time now, const LocalPort& port, const Peer& newcomer);

  // --- endpoint_pressure.cc: the memory of all accounts together ---
  void waits_for_memory(Time now, Rpc& rpc);
  bool may_send(Account& account, std::uint32_t length);
  void serve_waiting_accounts(Time now);
  void relieve(Time now);
  Rpc* idlest(bool incoming);

  // --- endpoint_rpcs.cc: the life of an RPC ---
  void fail(Time now, Rpc& rpc, ErrorCode code, bool report);
  void end(Time now, Rpc& rpc);  // frees the record and what it holds
  void serve_waiting(Time now, BufferPool& pool);
  void close_step(Time now);
  void end_closed(Time now, Rpc& rpc);  // of a port that was closed
  void start_out(Rpc& rpc, std::uint32_t length, TransmitToken token, std::uint32_t pending);
  Peer* new_peer(Time now, Identity identity, const Address& address);
  // Does this side send a message of the RPC now?
  static bool sending(const Rpc& rpc) {
    return rpc.state == (rpc.is_client ? Rpc::State::kCalling : Rpc::State::kReplying);
  }

  // --- endpoint_paths.cc: packet sizes ---
  void ask_path(Peer& peer) {
    if (peer.path_asked != path_generation_) ask_path_anew(peer);
  }
  void ask_path_anew(Peer& peer);
  void size_packets(Time now, MessageOut& message);
  void asked_again(Time now, Rpc& rpc, ByteRange range);
  // All of what the RPC sends has arrived.
  static void sent_whole(Rpc& rpc) {
    rpc.peer->mtu.arrived(std::min(rpc.out.payload_max(), rpc.out.length()));
  }
  // The RPC that a packet of ours, as an ICMP message quotes it, belonged to.
  Rpc* find_quoted(const Address& peer, const wire::CommonHeader& quoted);

  // --- endpoint_transmit.cc: packets out ---
  void data_packet(Time now, MessageOut& message, ByteRange bytes, Priority priority,
                   bool retransmission, TxPacket& out);
  std::size_t transmit_controls(Time now, std::span<TxPacket> out);
  std::size_t transmit_grants(Time now, std::span<TxPacket> out);
  std::size_t transmit_small(Time now, Uplink& link, std::span<TxPacket> out);
  std::size_t transmit_paced(Time now, const LinkFeedback& feedback, std::span<TxPacket> out);
  std::size_t transmit_paced(Time now, const LinkFeedback& feedback, Uplink& link,
                             std::span<TxPacket> out);
  Uplink& link_of(const Peer& peer) { return peer.link == nullptr ? uplinks_.usual() : *peer.link; }
  Uplink& link_to(const Address& destination);
  bool begin_message(Time now, Uplink& link, MessageOut& message);
  Priority data_priority(const MessageOut& message, std::uint32_t offset) const;
  std::uint32_t response_limit() const;

  // --- endpoint_timers.cc: silence ---
  void arm(Time now, Rpc& rpc);
  void check(Time now, Rpc& rpc);
  bool waited_too_long(Time now, Rpc& rpc);
  bool gives_way(Time now, Rpc& rpc);
  void check_receiver(Time now, Rpc& rpc);
  void check_replier(Time now, Rpc& rpc);
  bool link_busy(Time now, Duration lately) const {
    return !downlink_.idle_since(now, now - lately);
  }
  void ask(Time now, Rpc& rpc);
  void note_asked(Time now, Rpc& rpc);
  void ask_again(Time now, Rpc& rpc);
  void recompute_cutoffs(Time now);

  // --- endpoint_liveness.cc: who lives, and who knows what ---
  void watch(Time now, Rpc& rpc);
  void unwatch(Rpc& rpc);
  bool may_ask(Time now, Rpc& rpc);
  void arm_peer(Time now, Peer& peer);
  void check_peer(Time now, Peer& peer);
  void ask_watched(Time now, Peer& peer);
  void ask_sooner(Time now, Peer& peer);
  void query(Time now, Peer& peer, Rpc& first);
  static std::size_t queried_at_once(const Peer& peer);
  static bool may_query(const Rpc& rpc);
  RxOutcome on_query(Time now, const RxPacket& packet, Peer* peer);
  RxOutcome on_status(Time now, const RxPacket& packet, Peer* peer);
  void host_is_dead(Time now, Peer& peer);

  void trace(Time now, trace::EventType type, const Rpc& rpc, std::uint64_t a, std::uint64_t b) {
    if (recorder_.enabled()) recorder_.append(now, type, raw(rpc.client_id), a, b);
  }

  const CoreConfig config_;
  trace::Recorder& recorder_;
  trace::Counters& counters_;
  std::mt19937_64 random_;
  std::uint64_t ages_ = 0;
  std::uint32_t client_rpcs_ = 0;  // ours in progress
  std::uint32_t short_calls_ = 0;  // of these, with a short request
  PeerTable peers_;
  RpcTable rpcs_;
  PriorityMap priorities_;
  GrantScheduler grants_;
  Uplinks uplinks_;
  std::size_t uplinks_turn_ = 0;  // whose paced packets come first
  Downlink downlink_;
  RetryTimers timers_;
  Admission admission_;
  Accounts accounts_;
  base::GrowingQueue<Address> path_questions_;
  std::uint32_t path_generation_ = 1;
  EventQueue events_;
  ControlQueue controls_;
  const Silence silence_;
  RpcLine unproved_;                   // responses to strangers, the oldest first
  std::uint32_t displace_slot_ = 0;    // where the next one that gives way is looked for
  std::uint32_t idlest_slot_ = 0;      // the same, when memory is short
  std::uint64_t remedies_ = 0;         // that were taken then
  std::size_t accounts_to_serve_ = 0;  // of those of which messages wait
  std::uint32_t closing_slot_ = 0;     // whose RPC is looked at next, while ports are closing
  Time next_cutoffs_{};                // when they are recomputed next, if at all
  Time last_now_{};
};

}  // namespace homa::core
