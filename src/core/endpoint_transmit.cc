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
  pacer_.charge(now, wire::kDataHeaderBytes + bytes.size());
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
    pacer_.charge(now, out[count].header_length);
    ++count;
  }
  return count;
}

std::size_t Endpoint::Impl::transmit_grants(Time now, std::span<TxPacket> out) {
  std::size_t count = 0;
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
    pacer_.charge(now, packet.header_length);
    trace::add(counters_.grants_sent);
    if (grant->fifo) trace::add(counters_.fifo_granted_bytes, grant->bytes);
    trace(now, trace::EventType::grant_sent, rpc, grant->offset, grant->priority);
  }
  return count;
}

std::size_t Endpoint::Impl::transmit_small(Time now, std::span<TxPacket> out) {
  std::size_t count = 0;
  while (count < out.size()) {
    MessageOut* message = queue_.next_small();
    if (message == nullptr) break;
    if (message->sent() == 0) size_packets(now, *message);
    const ByteRange bytes = message->next_packet();
    data_packet(now, *message, bytes, data_priority(*message, bytes.begin), false, out[count++]);
    message->note_sent(bytes, now);
    queue_.update(*message);
  }
  return count;
}

std::size_t Endpoint::Impl::transmit_paced(Time now, const LinkFeedback& link,
                                           std::span<TxPacket> out) {
  std::size_t count = 0;
  while (count < out.size() && queue_.paced_waiting() && pacer_.may_send(now, link)) {
    if (MessageOut* again = queue_.next_resend()) {
      const MessageOut::Resend resend = again->next_resend();
      data_packet(now, *again, resend.bytes, resend.priority, true, out[count++]);
      again->note_resent(resend.bytes);
      queue_.update(*again);
      continue;
    }
    MessageOut& message = *queue_.next_paced();
    if (message.sent() == 0) size_packets(now, message);
    const ByteRange bytes = message.next_packet();
    data_packet(now, message, bytes, data_priority(message, bytes.begin), false, out[count++]);
    queue_.take(message, bytes.size());
    message.note_sent(bytes, now);
    queue_.take_done(message);
  }
  return count;
}

std::size_t Endpoint::Impl::poll_transmit(Time now, const LinkFeedback& link,
                                          std::span<TxPacket> out) {
  last_now_ = now;
  std::size_t count = 0;
  if (!controls_.empty()) count = transmit_controls(now, out);
  if (grants_.wanted()) count += transmit_grants(now, out.subspan(count));
  if (queue_.small_waiting()) count += transmit_small(now, out.subspan(count));
  if (queue_.paced_waiting()) count += transmit_paced(now, link, out.subspan(count));
  if (count > 0) trace::add(counters_.packets_sent, count);
  return count;
}

Time Endpoint::Impl::next_deadline() const {
  if (!controls_.empty() || queue_.small_waiting() || admission_.closing() != nullptr) {
    return last_now_;
  }
  Time deadline = timers_.next_deadline();
  if (queue_.paced_waiting()) deadline = std::min(deadline, pacer_.next_chance(last_now_));
  if (config_.cutoff_interval > Duration::zero()) deadline = std::min(deadline, next_cutoffs_);
  return deadline;
}

}  // namespace homa::core
