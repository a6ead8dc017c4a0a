#include "engine/outgoing.h"

#include <algorithm>
#include <span>

namespace homa::engine {
namespace {

constexpr Duration kDeviceRetry{20'000};

// Its one copy, from transmit memory to receive memory.
void receive_own(Time now, const core::TxPacket& packet, std::span<const std::byte> header,
                 std::span<const std::byte> payload, core::Endpoint& endpoint,
                 Attachments& attachments) {
  core::RxPacket received{packet.destination, header};
  received.same_host = true;
  received.payload = payload;
  const core::RxOutcome outcome = endpoint.on_packet(now, received);
  if (outcome.kind != core::RxOutcome::Kind::kDeliver) return;
  attachments.copy_in(outcome.account, outcome.buffer, payload.first(outcome.length));
}

}  // namespace

std::size_t Outgoing::send(Time now, core::Endpoint& endpoint, io::PacketIo& io,
                           Attachments& attachments, const SameHost& same_host) {
  retry_ = kNever;
  if (!waiting() && !endpoint.transmits()) return 0;
  std::size_t sent = 0;
  for (std::size_t batch = 0; batch < kBatchesPerSend; ++batch) {
    std::size_t own = 0;
    if (!waiting()) {
      core::LinkFeedback feedback;
      if (io.capabilities().queue_feedback) feedback.device_queue_bytes = io.device_queue_bytes();
      const std::size_t count = endpoint.poll_transmit(now, feedback, packets_);
      if (count == 0) break;
      own = make_frames(now, count, endpoint, attachments, same_host);
      sent += own;
    }
    const std::size_t taken =
        !waiting() ? 0 : io.send(std::span(frames_).subspan(first_, count_ - first_));
    sent += taken;
    first_ += taken;
    if (waiting()) {
      retry_ = now + kDeviceRetry;
      break;
    }
    if (!done_.empty()) give_done(attachments);
    if (count_ < kBatch && own == 0) break;  // the endpoint had no more
  }
  return sent;
}

std::size_t Outgoing::make_frames(Time now, std::size_t count, core::Endpoint& endpoint,
                                  Attachments& attachments, const SameHost& same_host) {
  std::size_t frames = 0;
  for (std::size_t i = 0; i < count; ++i) {
    std::span<const std::byte> payload;
    if (packets_[i].payload_length > 0) {
      payload = attachments.transmit(packets_[i].transmit_token, packets_[i].payload_offset,
                                     packets_[i].payload_length);
    }
    if (same_host.any() && same_host.has(packets_[i].destination)) {
      const auto header = std::span(packets_[i].header).first(packets_[i].header_length);
      receive_own(now, packets_[i], header, payload, endpoint, attachments);
      continue;
    }
    if (frames != i) packets_[frames] = packets_[i];
    const core::TxPacket& packet = packets_[frames];
    frames_[frames++] = {packet.destination, packet.priority,
                         std::span(packet.header).first(packet.header_length), payload,
                         packet.path};
  }
  first_ = 0;
  count_ = frames;
  return count - frames;
}

bool Outgoing::points_into(core::TransmitToken token) const {
  for (std::size_t i = first_; i < count_; ++i) {
    if (packets_[i].payload_length > 0 && packets_[i].transmit_token == token) return true;
  }
  return false;
}

void Outgoing::done(core::TransmitToken token, Attachments& attachments) {
  if (points_into(token)) {
    done_.push_back(token);
  } else {
    attachments.transmit_done(token);
  }
}

void Outgoing::give_done(Attachments& attachments) {
  for (const core::TransmitToken token : done_) attachments.transmit_done(token);
  done_.clear();
}

void Outgoing::clear() {
  first_ = count_ = 0;
  retry_ = kNever;
  done_.clear();
}

}  // namespace homa::engine
