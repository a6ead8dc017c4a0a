#include "support/grant_checker.h"

#include <algorithm>
#include <string>
#include <variant>

namespace homa::test {

void GrantChecker::on_sent(VirtualNetwork& network, HostIndex host, HostIndex destination,
                           std::span<const std::byte> packet) {
  const auto header = wire::parse(packet);
  if (!header) {
    network.violation("host " + std::to_string(host) +
                      " sent a malformed packet: " + std::string(wire::to_string(header.error())));
    return;
  }
  if (const auto* data = std::get_if<wire::DataHeader>(&*header)) {
    check_data_sent(network, {host, destination, raw(data->common.sender_id)}, *data);
  } else if (const auto* grant = std::get_if<wire::GrantHeader>(&*header)) {
    check_grant_sent(network, host, {destination, host, raw(grant->common.sender_id) ^ 1}, *grant);
  } else if (const auto* resend = std::get_if<wire::ResendHeader>(&*header)) {
    set_silent(host, {destination, host, raw(resend->common.sender_id) ^ 1}, true);
  }
}

void GrantChecker::set_silent(HostIndex host, const MessageKey& key, bool silent) {
  const auto found = incoming_.find(key);
  if (found == incoming_.end()) return;
  incoming_bytes_[host] -= found->second.outstanding();
  found->second.silent = silent;
  incoming_bytes_[host] += found->second.outstanding();
}

void GrantChecker::check_data_sent(VirtualNetwork& network, const MessageKey& key,
                                   const wire::DataHeader& data) {
  const auto& config = network.config().core;
  Outgoing& message = outgoing_[key];
  message.limit = std::max<std::uint64_t>(message.limit, config.unscheduled_bytes);
  const std::uint64_t end = data.offset() + data.payload.size();
  // A sender finishes the packet in which the limit falls.
  if (end > message.limit + config.payload_bytes_max - 1) {
    network.violation("bytes up to " + std::to_string(end) + " sent, granted are " +
                      std::to_string(message.limit));
  }
}

void GrantChecker::check_grant_sent(VirtualNetwork& network, HostIndex host, const MessageKey& key,
                                    const wire::GrantHeader& grant) {
  ++grants_;
  const auto found = incoming_.find(key);
  if (found == incoming_.end()) {
    network.violation("a GRANT for a message of which nothing arrived");
    return;
  }
  Incoming& message = found->second;
  if (grant.offset > message.length) {
    network.violation("a GRANT beyond the message's end");
    return;
  }
  const std::uint64_t before = message.outstanding();
  message.granted = std::max<std::uint64_t>(message.granted, grant.offset);
  incoming_bytes_[host] += message.outstanding() - before;
  const std::uint64_t now_incoming =
      own_books_ ? incoming_bytes_[host] : network.endpoint(host).granted_not_received();
  most_incoming_ = std::max(most_incoming_, now_incoming);
  if (now_incoming > network.config().core.max_incoming) {
    network.violation("a GRANT brings incoming bytes to " + std::to_string(now_incoming) +
                      ", max_incoming is " + std::to_string(network.config().core.max_incoming));
  }
}

void GrantChecker::on_received(VirtualNetwork&, HostIndex host, HostIndex source,
                               std::span<const std::byte> packet, const core::RxOutcome& outcome) {
  const auto header = wire::parse(packet);
  if (!header) return;  // reported when it was sent
  if (const auto* grant = std::get_if<wire::GrantHeader>(&*header)) {
    Outgoing& message = outgoing_[{host, source, raw(grant->common.sender_id) ^ 1}];
    message.limit = std::max<std::uint64_t>(message.limit, grant->offset);
  } else if (const auto* resend = std::get_if<wire::ResendHeader>(&*header)) {
    // A RESEND for bytes beyond the limit repairs a lost grant (docs/protocol.md#loss).
    if (resend->length != wire::kEverythingSent) {
      Outgoing& message = outgoing_[{host, source, raw(resend->common.sender_id) ^ 1}];
      message.limit =
          std::max<std::uint64_t>(message.limit, std::uint64_t{resend->offset} + resend->length);
    }
  } else if (const auto* data = std::get_if<wire::DataHeader>(&*header)) {
    const MessageKey key{source, host, raw(data->common.sender_id)};
    if (outcome.kind == core::RxOutcome::Kind::kDropped &&
        outcome.reason == core::DropReason::kNoBuffer) {
      // Announced; nothing of it counts before it gets a buffer and arrives.
      Incoming& waiting = incoming_[key];
      if (waiting.length == 0) {
        waiting.length = data->message_length;
        waiting.granted = std::min(data->incoming, data->message_length);
        waiting.silent = true;
      }
      return;
    }
    if (outcome.kind != core::RxOutcome::Kind::kDeliver) return;
    Incoming& message = incoming_[key];
    const std::uint64_t before = message.outstanding();
    message.silent = false;
    const auto end = data->offset() + static_cast<std::uint32_t>(data->payload.size());
    // The first packet announces; later ones may go beyond it by the rest of a packet.
    if (message.length == 0) message.granted = std::min(data->incoming, data->message_length);
    message.length = data->message_length;
    message.granted = std::max<std::uint64_t>(message.granted, end);
    message.bytes += add(message, data->offset(), end);
    incoming_bytes_[host] += message.outstanding() - before;
  }
}

std::uint32_t GrantChecker::add(Incoming& message, std::uint32_t begin, std::uint32_t end) {
  const std::uint32_t first = begin, last = end;
  std::uint32_t added = end - begin;
  auto next = message.received.upper_bound(begin);
  if (next != message.received.begin()) --next;
  while (next != message.received.end() && next->first <= end) {
    if (next->second < begin) {
      ++next;
      continue;
    }
    const std::uint32_t low = std::max(first, next->first);
    const std::uint32_t high = std::min(last, next->second);
    added -= high > low ? high - low : 0;
    begin = std::min(begin, next->first);
    end = std::max(end, next->second);
    next = message.received.erase(next);
  }
  message.received[begin] = end;
  return added;
}

}  // namespace homa::test
