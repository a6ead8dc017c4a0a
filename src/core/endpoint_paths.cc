// Ways to peers: how long packets may be, and what goes again when they were too long.
#include <algorithm>

#include "core/endpoint_impl.h"

namespace homa::core {
namespace {

// More are not asked about now; their next message asks.
constexpr std::size_t kPathQuestionsMax = 4'096;
constexpr std::uint32_t kPayloadLeast = 16;
constexpr std::uint32_t kPayloadMost = 65'000;

}  // namespace

void Endpoint::Impl::ask_path_anew(Peer& peer) {
  if (!peer.mtu.known()) peer.mtu.set_limit(config_.payload_bytes_max);
  if (path_questions_.size() >= kPathQuestionsMax) return;
  peer.path_asked = path_generation_;
  path_questions_.push_slot() = peer.address;
}

std::optional<Address> Endpoint::Impl::poll_path_question() {
  if (path_questions_.empty()) return std::nullopt;
  const Address peer = path_questions_.front();
  path_questions_.pop();
  return peer;
}

void Endpoint::Impl::on_path(Time now, const PathInfo& path) {
  last_now_ = now;
  Peer* peer = peers_.at(path.peer);
  if (peer == nullptr) return;
  Uplink& link = uplinks_.of_device(path.device, path.link_bits_per_second);
  peer->link = &link;
  grants_.set_device(peer->grants, &link == &uplinks_.usual() ? nullptr : &link.incoming);
  if (path.packet_bytes_max == 0) return;
  const std::uint32_t room = path.packet_bytes_max -
                             std::min<std::uint32_t>(path.packet_bytes_max, wire::kDataHeaderBytes);
  peer->mtu.set_limit(std::clamp(room, kPayloadLeast, kPayloadMost));
}

// A message's packets get their size when the first one goes: the way may not have been known when
// it was handed over.
void Endpoint::Impl::size_packets(Time now, MessageOut& message) {
  message.resize(message.rpc->peer->mtu.begin_message(now, message.length()));
}

// The peer lacks `range` of what was sent to it.
void Endpoint::Impl::asked_again(Time now, Rpc& rpc, ByteRange range) {
  MessageOut& out = rpc.out;
  range.end = std::min(range.end, out.sent());
  if (range.begin >= range.end) return;
  const std::uint32_t longest = std::min(out.payload_max(), range.size());
  PathMtu& mtu = rpc.peer->mtu;
  const bool cut = mtu.asked_again(now, config_.tick * config_.resend_interval, longest);
  if (cut && out.payload_max() > mtu.payload()) {
    trace::add(counters_.messages_cut);
    out.resize(mtu.payload());
    say_busy(now, rpc,
             rpc.way());  // the peer has patience anew: it could not have got anything so far
  }
}

Rpc* Endpoint::Impl::find_quoted(const Address& address, const wire::CommonHeader& quoted) {
  Rpc* rpc = nullptr;
  if (is_client_id(quoted.sender_id)) {
    rpc = rpcs_.find_client(quoted.sender_id);
  } else if (Peer* peer = peers_.at(address)) {
    rpc = rpcs_.find_served(*peer, other_side(quoted.sender_id), quoted.source_port);
  }
  if (rpc == nullptr || rpc->peer->address != address || rpc->local_port != quoted.source_port ||
      rpc->peer_port != quoted.destination_port || !wire::may_show(quoted, rpc->peer->self)) {
    return nullptr;
  }
  return rpc;
}

void Endpoint::Impl::on_too_big(Time now, const Address& address,
                                std::span<const std::byte> quoted) {
  last_now_ = now;
  const auto common = wire::parse_common(quoted);
  if (!common || common->type != wire::PacketType::kData) return;
  Rpc* rpc = find_quoted(address, *common);
  if (rpc == nullptr || !sending(*rpc)) return;
  Peer* peer = rpc->peer;
  const std::uint32_t offset = wire::offset_of(peer->self, common->sequence);
  MessageOut& out = rpc->out;
  if (out.payload_max() <= peer->mtu.payload() || offset >= out.sent()) return;
  trace::add(counters_.messages_cut);
  out.resize(peer->mtu.payload());
  // All that went after it was as long.
  out.resend({offset, out.sent()}, data_priority(out, offset));
  out.link->queue.update(out);
}

}  // namespace homa::core
