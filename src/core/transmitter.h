// Packets out: control packets at once, then grants, short messages, and what the link model lets
// go (docs/protocol.md#pacing). Owns the links that packets leave by.
//
// A call does work for each packet that it fills in, and for each link.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "core/endpoint_state.h"
#include "core/path_questions.h"
#include "core/uplinks.h"

namespace homa::core {

class Transmitter {
 public:
  explicit Transmitter(EndpointState& state) : state_(state), uplinks_(state.config) {}

  // Endpoint::poll_transmit(), transmits().
  std::size_t transmit(Time now, const LinkFeedback& feedback, std::span<TxPacket> out);
  bool ready() const;
  // Endpoint::short_messages_waiting().
  std::size_t short_messages_waiting() const {
    std::size_t all = 0;
    for (const Uplink& link : uplinks_) all += link.queue.small_count();
    return all;
  }
  // When transmit() next has something to send, as far as that depends on messages and links alone.
  Time next_deadline() const;

  // --- Messages ---
  // What the RPC sends begins. `pending`: as in Request.
  void start_message(Rpc& rpc, std::uint32_t length, TransmitToken token, std::uint32_t pending);
  // The peer lacks `range` of what was sent to it. True: that shows that packets are too long for
  // their way, and the message's are shorter from now on.
  bool asked_again(Time now, Rpc& rpc, ByteRange range);
  // All of what the RPC sends has arrived.
  static void sent_whole(Rpc& rpc) {
    rpc.peer->mtu.arrived(std::min(rpc.out.payload_max(), rpc.out.length()));
  }
  // Of a packet that begins at `offset` of the message.
  Priority data_priority(const MessageOut& message, std::uint32_t offset) const;

  // --- Ways to peers (docs/protocol.md#path-mtu) ---
  PathQuestions& path_questions() { return path_questions_; }
  void ask_path(Peer& peer) { path_questions_.ask(peer, state_.config.payload_bytes_max); }
  void on_path(Time now, const PathInfo& path);
  void on_too_big(Time now, const Address& peer, std::span<const std::byte> quoted);
  // The RPC that a packet of ours belongs to, as an ICMP message quotes it; nullptr: there is none.
  Rpc* find_quoted(const Address& peer, const wire::CommonHeader& quoted);

 private:
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
  void size_packets(Time now, MessageOut& message);
  std::uint32_t response_limit() const;

  EndpointState& state_;
  Uplinks uplinks_;
  std::size_t uplinks_turn_ = 0;  // whose paced packets come first
  PathQuestions path_questions_;
};

}  // namespace homa::core
