#include "engine/outgoing.h"

#include <algorithm>
#include <span>

namespace homa::engine {
namespace {

constexpr Duration kDeviceRetry{20'000};

}  // namespace

std::size_t Outgoing::send(Time now, core::Endpoint& endpoint, io::PacketIo& io,
                           Attachments& attachments) {
  retry_ = kNever;
  if (!waiting() && !endpoint.transmits()) return 0;
  std::size_t sent = 0;
  for (std::size_t batch = 0; batch < kBatchesPerSend; ++batch) {
    if (!waiting()) {
      core::LinkFeedback feedback;
      if (io.capabilities().queue_feedback) feedback.device_queue_bytes = io.device_queue_bytes();
      const std::size_t count = endpoint.poll_transmit(now, feedback, packets_);
      if (count == 0) break;
      make_frames(count, attachments);
    }
    const std::size_t taken = io.send(std::span(frames_).subspan(first_, count_ - first_));
    sent += taken;
    first_ += taken;
    if (waiting()) {
      retry_ = now + kDeviceRetry;
      break;
    }
    if (!done_.empty()) give_done(attachments);
    if (count_ < kBatch) break;  // the endpoint had no more
  }
  return sent;
}

void Outgoing::make_frames(std::size_t count, const Attachments& attachments) {
  for (std::size_t i = 0; i < count; ++i) {
    const core::TxPacket& packet = packets_[i];
    io::TxFrame& frame = frames_[i];
    frame.destination = packet.destination;
    frame.priority = packet.priority;
    frame.path = packet.path;
    frame.header = std::as_bytes(std::span(packet.header)).first(packet.header_length);
    frame.payload = {};
    if (packet.payload_length > 0) {
      frame.payload =
          attachments.transmit(packet.transmit_token, packet.payload_offset, packet.payload_length);
    }
  }
  first_ = 0;
  count_ = count;
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
