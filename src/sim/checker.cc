#include "sim/checker.h"

#include <algorithm>
#include <variant>

namespace homa::sim {

Checker::Checker(const core::CoreConfig& core, std::uint32_t hosts, Ledger& ledger)
    : core_(core), ledger_(ledger), restarts_(hosts) {
  regions_.resize(hosts);
  for (auto& region : regions_) {
    region.resize(static_cast<std::size_t>(core.receive_region_bytes));
  }
}

std::byte Checker::expected(std::uint64_t token, std::uint32_t offset) {
  const std::uint64_t mixed = (token * 0x9e3779b97f4a7c15ULL) ^ (offset * 0xd6e8feb86659fd93ULL);
  return static_cast<std::byte>(mixed >> 56);
}

void Checker::on_sent(const Packet& packet, const core::Endpoint& endpoint) {
  const auto parsed = wire::parse_common({packet.header.data(), packet.header_length});
  if (!parsed) {
    ledger_.violation("host " + std::to_string(packet.source) + " sent a packet that is not Homa");
    return;
  }
  if (parsed->type == wire::PacketType::kGrant &&
      endpoint.granted_not_received() > core_.max_incoming) {
    ledger_.violation("host " + std::to_string(packet.source) + " granted, with " +
                      std::to_string(endpoint.granted_not_received()) +
                      " bytes granted and not received: more than max_incoming");
  }
  if (parsed->type != wire::PacketType::kData) return;
  const std::uint64_t id = raw(parsed->sender_id);
  // A response may have fewer unscheduled bytes than this: its request may limit them.
  Allowance& allowance = allowances_[{packet.source, id}];
  if (allowance.token != packet.token || allowance.limit == 0) {
    allowance = {packet.token, core_.unscheduled_bytes};
  }
  const std::uint32_t end = packet.payload_offset + packet.payload_length;
  // A packet in which the limit falls is finished (docs/protocol.md#grants).
  if (end >= allowance.limit + core_.payload_bytes_max) {
    ledger_.violation("host " + std::to_string(packet.source) + ", token " +
                      std::to_string(packet.token) + ": sent up to byte " + std::to_string(end) +
                      ", allowed " + std::to_string(allowance.limit));
  }
}

void Checker::on_arrival(const Packet& packet) {
  const std::span<const std::byte> bytes(packet.header.data(), packet.header_length);
  const auto common = wire::parse_common(bytes);
  if (!common) return;
  std::uint32_t limit = 0;
  if (common->type == wire::PacketType::kGrant) {
    if (const auto grant = wire::parse_grant(bytes)) limit = grant->offset;
  } else if (common->type == wire::PacketType::kResend) {
    // Asking for bytes again that were not yet granted grants them (docs/protocol.md#loss).
    if (const auto resend = wire::parse_resend(bytes)) {
      if (resend->length != wire::kEverythingSent) limit = resend->offset + resend->length;
    }
  } else {
    return;
  }
  const auto found = allowances_.find({packet.destination, raw(other_side(common->sender_id))});
  if (found != allowances_.end()) found->second.limit = std::max(found->second.limit, limit);
}

void Checker::on_deliver(HostId host, const core::RxOutcome& outcome, const Packet& packet) {
  const std::uint64_t end = raw(outcome.buffer) + outcome.length;
  if (end > core_.receive_region_bytes || outcome.payload_offset < packet.header_length ||
      outcome.payload_offset + outcome.length >
          std::uint32_t{packet.header_length} + packet.payload_length) {
    ledger_.violation("host " + std::to_string(host) + ": delivery outside region or packet");
    return;
  }
  const std::uint32_t skipped = outcome.payload_offset - packet.header_length;
  if (outcome.message_offset != packet.payload_offset + skipped) {
    ledger_.violation("host " + std::to_string(host) + ": payload delivered to a wrong offset");
  }
  for (std::uint32_t i = 0; i < outcome.length; ++i) {
    regions_[host][static_cast<std::size_t>(raw(outcome.buffer)) + i] =
        expected(packet.token, packet.payload_offset + skipped + i);
  }
}

void Checker::on_message(HostId host, core::BufferOffset buffer, std::uint32_t length,
                         std::uint64_t token) {
  for (std::uint32_t i = 0; i < length; ++i) {
    const std::uint64_t at = raw(buffer) + i;
    if (at >= regions_[host].size() ||
        regions_[host][static_cast<std::size_t>(at)] != expected(token, i)) {
      ledger_.violation("host " + std::to_string(host) + ", token " + std::to_string(token) +
                        ": byte " + std::to_string(i) + " of the message is not what was sent");
      return;
    }
  }
}

void Checker::on_request(MessageId message) {
  const HostId server = ledger_[message].destination;
  // A server that lost its state in between may run a request again: it cannot know better.
  if (++delivered_[message] > 1 + restarts_[server]) {
    ledger_.violation("message " + std::to_string(message) + ": request delivered " +
                      std::to_string(delivered_[message]) + " times");
  }
}

void Checker::on_restart(HostId host) {
  ++restarts_[host];
  std::fill(regions_[host].begin(), regions_[host].end(), std::byte{0});
}

}  // namespace homa::sim
