#include "sim/oracle.h"

#include <algorithm>

#include "base/check.h"

namespace homa::sim {

OracleTransport::OracleTransport(const TopologyConfig& topology, const PacketShape& shape,
                                 const Surroundings& surroundings)
    : topology_(topology),
      shape_(shape),
      sim_(surroundings),
      best_(topology, shape),
      rate_(topology.host_bits_per_second),
      source_taken_(topology.hosts),
      destination_taken_(topology.hosts) {}

void OracleTransport::on_message(SimTime now, MessageId id) {
  advance(now);
  const Message& message = sim_.ledger[id];
  SimTime left{0};
  std::uint64_t bytes = shape_.wire_bytes(message.bytes);
  while (bytes > 0) {
    const auto part = static_cast<std::uint32_t>(std::min<std::uint64_t>(bytes, 1U << 20));
    left += rate_.time_for(part);
    bytes -= part;
  }
  const Flow flow{id, message.source, message.destination, false, left};
  // Equal messages keep the order of their arrival.
  flows_.insert(std::upper_bound(flows_.begin(), flows_.end(), flow,
                                 [](const Flow& a, const Flow& b) { return a.left < b.left; }),
                flow);
  decide(now);
}

void OracleTransport::advance(SimTime now) {
  const SimTime passed = now - decided_;
  decided_ = now;
  std::size_t kept = 0;
  for (Flow& flow : flows_) {
    if (flow.sending) flow.left -= passed;
    if (flow.left > SimTime::zero()) {
      flows_[kept++] = flow;
      continue;
    }
    const Message& message = sim_.ledger[flow.message];
    const bool same_rack = topology_.rack_of(flow.source) == topology_.rack_of(flow.destination);
    SimTime sending{0};
    for (std::uint64_t bytes = shape_.wire_bytes(message.bytes); bytes > 0;) {
      const auto part = static_cast<std::uint32_t>(std::min<std::uint64_t>(bytes, 1U << 20));
      sending += rate_.time_for(part);
      bytes -= part;
    }
    const SimTime rest = best_(message.bytes, same_rack) - sending;
    sim_.events.push(now + rest, EventKind::kApplication, flow.destination, flow.message);
  }
  flows_.resize(kept);
  // A message that was sent has less left and may now come before one that waited.
  const auto shorter = [](const Flow& a, const Flow& b) { return a.left < b.left; };
  if (!std::is_sorted(flows_.begin(), flows_.end(), shorter)) {
    std::stable_sort(flows_.begin(), flows_.end(), shorter);
  }
}

void OracleTransport::decide(SimTime now) {
  ++decision_;
  SimTime soonest = kSimNever;
  for (Flow& flow : flows_) {
    flow.sending = source_taken_[flow.source] != decision_ &&
                   destination_taken_[flow.destination] != decision_;
    if (!flow.sending) continue;
    source_taken_[flow.source] = destination_taken_[flow.destination] = decision_;
    soonest = std::min(soonest, flow.left);
  }
  if (soonest == kSimNever) return;
  sim_.events.push(now + soonest, EventKind::kHostTimer, 0, static_cast<std::uint32_t>(decision_));
}

void OracleTransport::on_timer(SimTime now, HostId /*host*/, std::uint32_t value) {
  if (value != static_cast<std::uint32_t>(decision_)) return;
  advance(now);
  decide(now);
}

void OracleTransport::on_application(SimTime now, HostId /*host*/, std::uint32_t value) {
  sim_.ledger.request_progress(now, value, sim_.ledger[value].bytes);
  sim_.ledger.complete(now, value, 0, 0);
}

// The oracle sends no packets.
void OracleTransport::on_packet(SimTime /*now*/, PacketId packet) {
  sim_.packets.give_back(packet);
}
void OracleTransport::on_nic_free(SimTime /*now*/, HostId /*host*/) {}

}  // namespace homa::sim
