// Packets out: control packets at once, grants, short messages, then what the link model lets go.
#include <algorithm>

#include "core/endpoint_impl.h"

namespace homa::core {
namespace {

constexpr std::uint8_t kDataOffsetOfData = 0xe0;  // docs/protocol.md#packets
constexpr std::uint32_t kResponseLimitMax = 0xffffff;

}  // namespace

Priority Endpoint::Impl::data_priority(const MessageOut& message, std::uint32_t offset) const {
  if (offset >= message.unscheduled()) return message.scheduled_priority;
  const Peer& peer = *message.rpc->peer;
  return peer.cutoff_version == 0 ? priorities_.unscheduled_default()
                                  : unscheduled_priority(peer.cutoffs, message.length());
}

// Incast control: every request announces how much of its response may come unasked, so that all
// responses together stay within incast_bytes_max (docs/protocol.md#incast).
std::uint32_t Endpoint::Impl::response_limit() const {
  if (config_.incast_bytes_max == 0 || client_rpcs_ == 0) return 0;
  const std::uint32_t share = std::max(1U, config_.incast_bytes_max / client_rpcs_);
  return share >= config_.unscheduled_bytes ? 0 : std::min(share, kResponseLimitMax);
}

void Endpoint::Impl::data_packet(Time now, MessageOut& message, ByteRange bytes, Priority priority,
                                 bool retransmission, TxPacket& out) {
  Rpc& rpc = *message.rpc;
  wire::DataHeader header;
  header.common = controls_.header_for(rpc);
  header.common.sequence = bytes.begin;
  header.common.data_offset = kDataOffsetOfData;
  header.message_length = message.length();
  header.incoming = std::max(message.granted(), bytes.end);
  header.cutoff_version = rpc.peer->cutoff_version;
  header.retransmit = retransmission ? 1 : 0;
  header.segment_offset = bytes.begin;
  if (rpc.is_client) {
    header.ack = rpc.peer->acks.take_one();
    if (raw(header.ack.client_id) != 0) trace::add(counters_.acks_ridden);
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
  trace::add(counters_.bytes_sent, bytes.size());
  if (retransmission) {
    trace::add(counters_.retransmitted_packets);
    trace::add(counters_.retransmitted_bytes, bytes.size());
  }
  trace(now, trace::EventType::data_sent, rpc, bytes.begin, bytes.size());
}

std::size_t Endpoint::Impl::transmit_controls(Time now, std::span<TxPacket> out) {
  std::size_t count = 0;
  while (count < out.size() && !controls_.empty()) {
    out[count] = controls_.front();
    controls_.pop();
    link_to(out[count].destination).pacer.charge(now, out[count].header_length);
    ++count;
  }
  return count;
}

std::size_t Endpoint::Impl::transmit_grants(Time now, std::span<TxPacket> out) {
  std::size_t count = 0;
  grants_.follow_rate(now, counters_.bytes_received.load(std::memory_order_relaxed));
  while (count < out.size()) {
    const auto grant = grants_.next();
    if (!grant) break;
    Rpc& rpc = *grant->state->rpc;
    // All that it was granted is here: its sender owes us something only from now on.
    if (rpc.in.received() >= grant->offset - grant->bytes) rpc.silence.last_heard = now;
    TxPacket& packet = out[count++];
    packet.destination = rpc.peer->address;
    packet.path = rpc.path;
    packet.priority = kHighestPriority;
    packet.payload_length = 0;
    packet.header_length = static_cast<std::uint8_t>(
        wire::encode(wire::GrantHeader{controls_.header_for(rpc), grant->offset, grant->priority},
                     packet.header));
    link_of(*rpc.peer).pacer.charge(now, packet.header_length);
    trace::add(counters_.grants_sent);
    if (grant->fifo) trace::add(counters_.fifo_granted_bytes, grant->bytes);
    trace(now, trace::EventType::grant_sent, rpc, grant->offset, grant->priority);
  }
  return count;
}

Uplink& Endpoint::Impl::link_to(const Address& destination) {
  const Peer* const peer = uplinks_.several() ? peers_.at(destination) : nullptr;
  return peer == nullptr ? uplinks_.usual() : link_of(*peer);
}

// Before a message's first packet: the way to its peer may not have been known when it was handed
// over. False: it waits for another link now.
bool Endpoint::Impl::begin_message(Time now, Uplink& link, MessageOut& message) {
  Uplink& own = link_of(*message.rpc->peer);
  if (&own == &link) {
    if (message.rpc->is_client) rpcs_.freshen(*message.rpc);
    size_packets(now, message);
    return true;
  }
  link.queue.remove(message);
  message.link = &own;
  own.queue.update(message);
  return false;
}

std::size_t Endpoint::Impl::transmit_small(Time now, Uplink& link, std::span<TxPacket> out) {
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

std::size_t Endpoint::Impl::transmit_paced(Time now, const LinkFeedback& feedback, Uplink& link,
                                           std::span<TxPacket> out) {
  SendQueue& queue = link.queue;
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
std::size_t Endpoint::Impl::transmit_paced(Time now, const LinkFeedback& feedback,
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

std::size_t Endpoint::Impl::poll_transmit(Time now, const LinkFeedback& feedback,
                                          std::span<TxPacket> out) {
  last_now_ = now;
  std::size_t count = 0;
  if (!controls_.empty()) count = transmit_controls(now, out);
  if (grants_.wanted()) count += transmit_grants(now, out.subspan(count));
  for (Uplink& link : uplinks_) {
    if (link.queue.small_waiting()) count += transmit_small(now, link, out.subspan(count));
  }
  count += transmit_paced(now, feedback, out.subspan(count));
  if (count > 0) trace::add(counters_.packets_sent, count);
  return count;
}

Time Endpoint::Impl::next_deadline() const {
  if (!controls_.empty() || admission_.closing() != nullptr || accounts_to_serve_ > 0) {
    return last_now_;
  }
  Time deadline = timers_.next_deadline();
  for (const Uplink& link : uplinks_) {
    if (link.queue.small_waiting()) return last_now_;
    if (link.queue.paced_waiting()) {
      deadline = std::min(deadline, link.pacer.next_chance(last_now_));
    }
  }
  if (config_.cutoff_interval > Duration::zero()) deadline = std::min(deadline, next_cutoffs_);
  return std::min(deadline, accounts_.pressure().deadline(last_now_));
}

}  // namespace homa::core
