#include "support/rpc_workload.h"

#include <utility>

namespace homa::test {
namespace {

std::uint64_t request_of(std::size_t index) { return 2 * index; }
std::uint64_t response_of(std::size_t index) { return 2 * index + 1; }

std::vector<std::byte> message(std::uint64_t which, std::uint32_t length) {
  std::vector<std::byte> bytes(length);
  for (std::uint32_t i = 0; i < length; ++i) bytes[i] = pattern(which, i);
  return bytes;
}

bool intact(std::uint64_t which, std::uint32_t length, std::span<const std::byte> bytes) {
  if (bytes.size() != length) return false;
  for (std::uint32_t i = 0; i < length; ++i) {
    if (bytes[i] != pattern(which, i)) return false;
  }
  return true;
}

std::string name(std::size_t index) { return "RPC " + std::to_string(index); }

}  // namespace

std::byte pattern(std::uint64_t which, std::uint32_t at) {
  // Differs between messages and between places that are a packet apart.
  const std::uint64_t mixed = (which + 1) * 0x9e3779b97f4a7c15ULL + at * 0x2545f4914f6cdd1dULL;
  return static_cast<std::byte>(mixed >> 56);
}

void RpcWorkload::begin(VirtualNetwork& network, std::vector<PlannedRpc> plan) {
  client_ports_.resize(network.config().hosts);
  generation_.resize(network.config().hosts);
  for (HostIndex host = 0; host < network.config().hosts; ++host) open_ports(network, host);
  rpcs_.reserve(plan.size());
  for (const PlannedRpc& planned : plan) {
    const std::size_t index = rpcs_.size();
    rpcs_.push_back(Rpc{.plan = planned});
    network.at(planned.start, [this, &network, index] { start(network, index); });
  }
}

void RpcWorkload::open_ports(VirtualNetwork& network, HostIndex host) {
  const auto server = network.endpoint(host).open_port(kServerPort);
  const auto client = network.endpoint(host).open_port(Port{0});
  if (!server || !client) {
    network.violation("a port of a new endpoint cannot be opened");
    return;
  }
  client_ports_[host] = *client;
  network.endpoint(host).announce_above(kServerPort, announced_above_);
}

void RpcWorkload::note_restart(VirtualNetwork& network, HostIndex host) {
  ++generation_[host];
  for (Rpc& rpc : rpcs_) {
    if (rpc.plan.client == host && rpc.started && rpc.ended == 0) rpc.abandoned = true;
  }
  open_ports(network, host);
}

void RpcWorkload::start(VirtualNetwork& network, std::size_t index) {
  Rpc& rpc = rpcs_[index];
  const auto id = network.start(rpc.plan.client,
                                core::Request{.server = network.address_of(rpc.plan.server),
                                              .server_port = kServerPort,
                                              .client_port = client_ports_[rpc.plan.client],
                                              .cookie = core::Cookie{index + 1}},
                                message(request_of(index), rpc.plan.request_length));
  if (!id) {
    network.violation(name(index) + " cannot be started: " + std::string(to_string(id.error())));
    return;
  }
  rpc.id = *id;
  rpc.started = true;
  const auto info = network.endpoint(rpc.plan.client).rpc(*id);
  if (!info) {
    network.violation(name(index) + " is not among the RPCs in progress after its start");
    return;
  }
  rpc.wire_id = raw(info->wire_id);
  if (!by_wire_id_.emplace(rpc.wire_id, index).second) {
    network.violation(name(index) + " has the wire id of an earlier RPC");
  }
  if (rpc.plan.abort_after == Duration::zero()) return;
  const auto generation = generation_[rpc.plan.client];
  network.at(network.now() + rpc.plan.abort_after, [this, &network, index, generation] {
    Rpc& late = rpcs_[index];
    if (late.ended > 0 || generation != generation_[late.plan.client]) return;
    late.aborted = true;
    const auto result =
        network.endpoint(late.plan.client)
            .abort(network.now(), late.id, ErrorCode::kCancelled, late.plan.report_abort);
    if (!result) network.violation(name(index) + " has not ended and cannot be aborted");
  });
}

void RpcWorkload::on_event(VirtualNetwork& network, HostIndex host, const core::Event& event,
                           std::span<const std::byte> bytes) {
  switch (event.kind) {
    case core::Event::Kind::kRequest: serve(network, host, event, bytes); break;
    case core::Event::Kind::kResponse: finish(network, host, event, bytes); break;
    case core::Event::Kind::kFailed:
      if (!is_served(event.rpc)) finish(network, host, event, bytes);
      break;
    case core::Event::Kind::kHead: decide(network, host, event, bytes); break;
    case core::Event::Kind::kTransmitDone: break;  // the network keeps those books
  }
}

// An RPC may have got another id before its first packet.
std::optional<std::size_t> RpcWorkload::sent_as(VirtualNetwork& network, std::uint64_t wire_id) {
  if (const auto found = by_wire_id_.find(wire_id); found != by_wire_id_.end()) {
    return found->second;
  }
  for (std::size_t index = 0; index < rpcs_.size(); ++index) {
    const Rpc& rpc = rpcs_[index];
    if (!rpc.started || rpc.ended > 0 || rpc.abandoned) continue;
    const auto info = network.endpoint(rpc.plan.client).rpc(rpc.id);
    if (!info || raw(info->wire_id) != wire_id) continue;
    by_wire_id_.emplace(wire_id, index);
    return index;
  }
  return std::nullopt;
}

void RpcWorkload::serve(VirtualNetwork& network, HostIndex host, const core::Event& event,
                        std::span<const std::byte> bytes) {
  const auto info = network.endpoint(host).rpc(event.rpc);
  if (!info) {
    // Possible: its client cancelled it before the application saw it.
    hold(network, host, event, Duration::zero());
    return;
  }
  const auto found = sent_as(network, raw(info->wire_id));
  if (!found) {
    network.violation("a request that nobody sent");
    return;
  }
  const std::size_t index = *found;
  Rpc& rpc = rpcs_[index];
  if (++rpc.delivered > 1) network.violation(name(index) + ": request delivered twice");
  if (!intact(request_of(index), rpc.plan.request_length, bytes)) {
    network.violation(name(index) + ": request damaged");
  }
  hold(network, host, event, rpc.plan.hold);
  const auto generation = generation_[host];
  network.at(
      network.now() + rpc.plan.think, [this, &network, host, index, generation, id = event.rpc] {
        if (generation != generation_[host]) return;
        const Rpc& asked = rpcs_[index];
        const auto result =
            network.reply(host, id, message(response_of(index), asked.plan.response_length));
        if (!result && asked.ended == 0 && !asked.aborted && !asked.abandoned) {
          network.violation(name(index) +
                            ": its reply is refused: " + std::string(to_string(result.error())));
        }
      });
}

void RpcWorkload::finish(VirtualNetwork& network, HostIndex host, const core::Event& event,
                         std::span<const std::byte> bytes) {
  const std::size_t index = static_cast<std::size_t>(raw(event.cookie)) - 1;
  if (index >= rpcs_.size() || rpcs_[index].plan.client != host || rpcs_[index].id != event.rpc) {
    network.violation("an end of an RPC that was not started, or with a wrong cookie or id");
    return;
  }
  Rpc& rpc = rpcs_[index];
  if (++rpc.ended > 1) network.violation(name(index) + " ended twice");
  if (event.kind == core::Event::Kind::kFailed) {
    ++failures_;
    ++errors_[event.error];
    if (event.error == ErrorCode::kOk) network.violation(name(index) + " failed without a reason");
    if (rpc.aborted && !rpc.plan.report_abort) {
      network.violation(name(index) + " was aborted silently and still ended");
    }
    return;
  }
  ++completed_;
  if (rpc.aborted) network.violation(name(index) + " completed after its abort");
  if (rpc.delivered == 0) network.violation(name(index) + ": a response to nothing");
  if (!intact(response_of(index), rpc.plan.response_length, bytes)) {
    network.violation(name(index) + ": response damaged");
  }
  hold(network, host, event, rpc.plan.hold);
}

void RpcWorkload::hold(VirtualNetwork& network, HostIndex host, const core::Event& event,
                       Duration time) {
  const auto generation = generation_[host];
  network.at(network.now() + time, [this, &network, host, event, generation] {
    if (generation == generation_[host]) network.release(host, event);
  });
}

// The bytes of a head stay as they are until the application decides, even if its RPC ends.
void RpcWorkload::decide(VirtualNetwork& network, HostIndex host, const core::Event& event,
                         std::span<const std::byte> bytes) {
  if (event.received == 0 || event.received >= event.length) {
    network.violation("a head of " + std::to_string(event.received) + " bytes");
  }
  const std::vector<std::byte> before(bytes.begin(), bytes.end());
  const auto generation = generation_[host];
  const Duration time(static_cast<std::int64_t>(event.length) * 10);
  network.at(network.now() + time, [this, &network, host, event, generation, bytes, before] {
    if (generation != generation_[host]) return;
    if (!std::equal(before.begin(), before.end(), bytes.begin())) {
      network.violation("the bytes of a head changed while the application looked at them");
    }
    const auto decided = network.endpoint(host).decide(network.now(), event.rpc, ErrorCode::kOk);
    if (!decided) network.release(host, event);
  });
}

void RpcWorkload::check_end(VirtualNetwork& network) {
  for (std::size_t index = 0; index < rpcs_.size(); ++index) {
    const Rpc& rpc = rpcs_[index];
    if (!rpc.started || rpc.abandoned) continue;
    const int expected = rpc.aborted && !rpc.plan.report_abort ? 0 : 1;
    if (rpc.ended != expected) {
      network.violation(name(index) + " ended " + std::to_string(rpc.ended) + " times");
    }
  }
  for (HostIndex host = 0; host < network.config().hosts; ++host) {
    const auto& endpoint = network.endpoint(host);
    const auto left = [&](const std::string& what, std::uint64_t count) {
      if (count == 0) return;
      network.violation("host " + std::to_string(host) + " still has " + std::to_string(count) +
                        " " + what);
    };
    left("RPCs in progress", endpoint.rpcs_in_progress());
    left("bytes of the receive region in use", endpoint.receive_region_used());
    left("bytes granted and not received", endpoint.granted_not_received());
    left("messages in transmit memory", network.transmit_messages(host));
  }
}

}  // namespace homa::test
