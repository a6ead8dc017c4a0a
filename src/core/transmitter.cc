#include "core/transmitter.h"

#include <algorithm>

namespace homa::core {
namespace {

constexpr std::uint8_t kDataOffsetOfData = 0xe0;  // docs/protocol.md#packets
constexpr std::uint32_t kResponseLimitMax = 0xffffff;
// Where nothing paces them, so many packets go before the next shorter message may overtake.
constexpr std::size_t kSameHostAtOnce = 8;
constexpr std::uint32_t kPayloadLeast = 16;
constexpr std::uint32_t kPayloadMost = 65'000;

}  // namespace

std::size_t Transmitter::transmit(Time now, const LinkFeedback& feedback, std::span<TxPacket> out) {
  state_.now = now;
  std::size_t count = 0;
  if (!state_.controls.empty()) count = transmit_controls(now, out);
  if (state_.grants.wanted()) count += transmit_grants(now, out.subspan(count));
  bool paced = false;
  for (Uplink& link : uplinks_) {
    if (link.queue.small_waiting()) count += transmit_small(now, link, out.subspan(count));
    paced |= link.queue.paced_waiting();
  }
  if (paced) count += transmit_paced(now, feedback, out.subspan(count));
  if (count > 0) trace::add(state_.counters.packets_sent, count);
  return count;
}

std::size_t Transmitter::transmit_controls(Time now, std::span<TxPacket> out) {
  std::size_t count = 0;
  while (count < out.size() && !state_.controls.empty()) {
    out[count] = state_.controls.front();
    state_.controls.pop();
    link_to(out[count].destination).pacer.charge(now, out[count].header_length);
    ++count;
  }
  return count;
}

std::size_t Transmitter::transmit_grants(Time now, std::span<TxPacket> out) {
  std::size_t count = 0;
  state_.grants.follow_rate(now, state_.counters.bytes_received.load(std::memory_order_relaxed));
  while (count < out.size()) {
    const auto grant = state_.grants.next();
    if (!grant) break;
    Rpc& rpc = *grant->state->rpc;
    // All that it was granted is here: its sender owes us something only from now on.
    if (rpc.in.received() >= grant->offset - grant->bytes) rpc.silence.last_heard = now;
    TxPacket& packet = out[count++];
    packet.destination = rpc.peer->address;
    packet.path = rpc.path;
    packet.priority = kHighestPriority;
    packet.payload_length = 0;
    packet.header_length = static_cast<std::uint8_t>(wire::encode(
        wire::GrantHeader{ControlQueue::header_for(rpc), grant->offset, grant->priority},
        packet.header));
    link_of(*rpc.peer).pacer.charge(now, packet.header_length);
    trace::add(state_.counters.grants_sent);
    if (grant->fifo) trace::add(state_.counters.fifo_granted_bytes, grant->bytes);
    state_.trace(now, trace::EventType::grant_sent, rpc, grant->offset, grant->priority);
  }
  return count;
}

Uplink& Transmitter::link_to(const Address& destination) {
  const Peer* const peer = uplinks_.several() ? state_.peers.at(destination) : nullptr;
  return peer == nullptr ? uplinks_.usual() : link_of(*peer);
}

// Before a message's first packet: the way to its peer may not have been known when it was handed
// over. False: it waits for another link now.
[[gnu::always_inline]] inline bool Transmitter::begin_message(Time now, Uplink& link,
                                                              MessageOut& message) {
  Uplink& own = link_of(*message.rpc->peer);
  if (&own == &link) {
    if (message.rpc->is_client) state_.rpcs.freshen(*message.rpc);
    size_packets(now, message);
    return true;
  }
  link.queue.remove(message);
  message.link = &own;
  own.queue.update(message);
  return false;
}

[[gnu::always_inline]] inline std::size_t Transmitter::transmit_small(Time now, Uplink& link,
                                                                      std::span<TxPacket> out) {
  std::size_t count = 0;
  while (count < out.size()) {
    MessageOut* message = link.queue.next_small();
    if (message == nullptr) break;
    if (message->sent() == 0 && !begin_message(now, link, *message)) continue;
    const ByteRange bytes = message->next_packet();
    data_packet(now, *message, bytes, data_priority(*message, bytes.begin), false, out[count++]);
    message->note_sent(bytes, now);
    link.queue.update(*message);
  }
  return count;
}

std::size_t Transmitter::transmit_paced(Time now, const LinkFeedback& feedback, Uplink& link,
                                        std::span<TxPacket> out) {
  SendQueue& queue = link.queue;
  if (link.device == Uplink::kSameHost) out = out.first(std::min(out.size(), kSameHostAtOnce));
  std::size_t count = 0;
  while (count < out.size() && queue.paced_waiting() && link.pacer.may_send(now, feedback)) {
    if (MessageOut* again = queue.next_resend()) {
      const MessageOut::Resend resend = again->next_resend();
      data_packet(now, *again, resend.bytes, resend.priority, true, out[count++]);
      again->note_resent(resend.bytes);
      queue.update(*again);
      continue;
    }
    MessageOut& message = *queue.next_paced();
    if (message.sent() == 0 && !begin_message(now, link, message)) continue;
    const ByteRange bytes = message.next_packet();
    data_packet(now, message, bytes, data_priority(message, bytes.begin), false, out[count++]);
    queue.take(message, bytes.size());
    message.note_sent(bytes, now);
    queue.take_done(message);
  }
  return count;
}

// The links by turns, so that none keeps the others' packets out. What the device reports is of
// the usual one.
std::size_t Transmitter::transmit_paced(Time now, const LinkFeedback& feedback,
                                        std::span<TxPacket> out) {
  const std::size_t links = uplinks_.size();
  uplinks_turn_ = uplinks_turn_ + 1 < links ? uplinks_turn_ + 1 : 0;
  std::size_t count = 0;
  for (std::size_t i = 0; i < links; ++i) {
    const std::size_t at =
        uplinks_turn_ + i < links ? uplinks_turn_ + i : uplinks_turn_ + i - links;
    Uplink& link = uplinks_[at];
    if (!link.queue.paced_waiting()) continue;
    count += transmit_paced(now, at == 0 ? feedback : LinkFeedback{}, link, out.subspan(count));
  }
  return count;
}

[[gnu::always_inline]] inline void Transmitter::data_packet(Time now, MessageOut& message,
                                                            ByteRange bytes, Priority priority,
                                                            bool retransmission, TxPacket& out) {
  Rpc& rpc = *message.rpc;
  wire::DataHeader header;
  header.common = ControlQueue::header_for(rpc);
  header.common.sequence = bytes.begin;
  header.common.data_offset = kDataOffsetOfData;
  header.message_length = message.length();
  header.incoming = std::max(message.granted(), bytes.end);
  header.cutoff_version = rpc.peer->cutoff_version;
  header.retransmit = retransmission ? 1 : 0;
  header.segment_offset = bytes.begin;
  if (rpc.is_client) {
    header.ack = rpc.peer->acks.take_one();
    if (raw(header.ack.client_id) != 0) trace::add(state_.counters.acks_ridden);
    header.response_unscheduled_limit = response_limit();
  }
  out.destination = rpc.peer->address;
  out.path = rpc.path;
  out.priority = priority;
  out.header_length = static_cast<std::uint8_t>(wire::encode(header, out.header));
  out.payload_offset = bytes.begin;
  out.payload_length = bytes.size();
  out.transmit_token = message.token();
  message.link->pacer.charge(now, wire::kDataHeaderBytes + bytes.size());
  trace::add(state_.counters.bytes_sent, bytes.size());
  if (retransmission) {
    trace::add(state_.counters.retransmitted_packets);
    trace::add(state_.counters.retransmitted_bytes, bytes.size());
  }
  state_.trace(now, trace::EventType::data_sent, rpc, bytes.begin, bytes.size());
}

Priority Transmitter::data_priority(const MessageOut& message, std::uint32_t offset) const {
  if (offset >= message.unscheduled()) return message.scheduled_priority;
  const Peer& peer = *message.rpc->peer;
  return peer.cutoff_version == 0 ? state_.priorities.unscheduled_default()
                                  : unscheduled_priority(peer.cutoffs, message.length());
}

// Incast control: every request announces how much of its response may come unasked, so that all
// responses together stay within incast_bytes_max (docs/protocol.md#incast).
std::uint32_t Transmitter::response_limit() const {
  if (state_.config.incast_bytes_max == 0 || state_.rpcs.clients() == 0) return 0;
  const std::uint32_t share = std::max(1U, state_.config.incast_bytes_max / state_.rpcs.clients());
  return share >= state_.config.unscheduled_bytes ? 0 : std::min(share, kResponseLimitMax);
}

void Transmitter::start_message(Rpc& rpc, std::uint32_t length, TransmitToken token,
                                std::uint32_t pending) {
  std::uint32_t unscheduled = state_.config.unscheduled_bytes;
  if (rpc.response_limit != 0) unscheduled = std::min(unscheduled, rpc.response_limit);
  ask_path(*rpc.peer);
  rpc.out.start(length, unscheduled, token, ++state_.ages, rpc.peer->mtu.payload());
  rpc.out.hold_back(pending);
  state_.accounts.pressure().sends(rpc.port->account->memory, length);
  rpc.out.link = &link_of(*rpc.peer);
  rpc.out.link->queue.update(rpc.out);
}

void Transmitter::on_path(Time now, const PathInfo& path) {
  state_.now = now;
  Peer* peer = state_.peers.at(path.peer);
  if (peer == nullptr) return;
  Uplink& link = path.same_host ? uplinks_.same_host()
                                : uplinks_.of_device(path.device, path.link_bits_per_second);
  peer->link = &link;
  state_.grants.set_device(peer->grants, &link == &uplinks_.usual() ? nullptr : &link.incoming);
  if (path.packet_bytes_max == 0) return;
  const std::uint32_t room = path.packet_bytes_max -
                             std::min<std::uint32_t>(path.packet_bytes_max, wire::kDataHeaderBytes);
  peer->mtu.set_limit(std::clamp(room, kPayloadLeast, kPayloadMost));
}

// A message's packets get their size when the first one goes: the way may not have been known when
// it was handed over.
void Transmitter::size_packets(Time now, MessageOut& message) {
  message.resize(message.rpc->peer->mtu.begin_message(now, message.length()));
}

// The peer lacks `range` of what was sent to it.
bool Transmitter::asked_again(Time now, Rpc& rpc, ByteRange range) {
  MessageOut& out = rpc.out;
  range.end = std::min(range.end, out.sent());
  if (range.begin >= range.end) return false;
  const std::uint32_t longest = std::min(out.payload_max(), range.size());
  PathMtu& mtu = rpc.peer->mtu;
  const bool cut =
      mtu.asked_again(now, state_.config.tick * state_.config.resend_interval, longest);
  if (!cut || out.payload_max() <= mtu.payload()) return false;
  trace::add(state_.counters.messages_cut);
  out.resize(mtu.payload());
  return true;
}

Rpc* Transmitter::find_quoted(const Address& address, const wire::CommonHeader& quoted) {
  Rpc* rpc = nullptr;
  if (is_client_id(quoted.sender_id)) {
    rpc = state_.rpcs.find_client(quoted.sender_id);
  } else if (Peer* peer = state_.peers.at(address)) {
    rpc = state_.rpcs.find_served(*peer, other_side(quoted.sender_id), quoted.source_port);
  }
  if (rpc == nullptr || rpc->peer->address != address || rpc->local_port != quoted.source_port ||
      rpc->peer_port != quoted.destination_port || !wire::may_show(quoted, rpc->peer->self)) {
    return nullptr;
  }
  return rpc;
}

void Transmitter::on_too_big(Time now, const Address& address, std::span<const std::byte> quoted) {
  state_.now = now;
  const auto common = wire::parse_common(quoted);
  if (!common || common->type != wire::PacketType::kData) return;
  Rpc* rpc = find_quoted(address, *common);
  if (rpc == nullptr || !rpc->sending()) return;
  Peer* peer = rpc->peer;
  const std::uint32_t offset = wire::offset_of(peer->self, common->sequence);
  MessageOut& out = rpc->out;
  if (out.payload_max() <= peer->mtu.payload() || offset >= out.sent()) return;
  trace::add(state_.counters.messages_cut);
  out.resize(peer->mtu.payload());
  // All that went after it was as long.
  out.resend({offset, out.sent()}, data_priority(out, offset));
  out.link->queue.update(out);
}

bool Transmitter::ready() const {
  if (!state_.controls.empty() || state_.grants.wanted()) return true;
  return std::any_of(uplinks_.begin(), uplinks_.end(), [](const Uplink& link) {
    return link.queue.small_waiting() || link.queue.paced_waiting();
  });
}

Time Transmitter::next_deadline() const {
  Time deadline = kNever;
  for (const Uplink& link : uplinks_) {
    if (link.queue.small_waiting()) return state_.now;
    if (link.queue.paced_waiting()) {
      deadline = std::min(deadline, link.pacer.next_chance(state_.now));
    }
  }
  return deadline;
}

}  // namespace homa::core
