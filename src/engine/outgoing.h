// Packets on their way from the endpoint to the device.
//
// Payload goes out straight from transmit memory. What the device does not take is kept and offered
// again; the blocks that such frames point into stay with the engine as long.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/time.h"
#include "core/endpoint.h"
#include "engine/attachments.h"
#include "engine/same_host.h"
#include "io/packet_io.h"

namespace homa::engine {

class Outgoing {
 public:
  Outgoing() { done_.reserve(kBatch); }  // no more can wait: each has a frame that waits

  // Sends what may be sent at `now`, a few batches at most; returns how many packets the device
  // took. What is for the engine itself is received at once.
  std::size_t send(Time now, core::Endpoint& endpoint, io::PacketIo& io, Attachments& attachments,
                   const SameHost& same_host);

  // Packets wait for the device, which says nothing when it has room again.
  bool waiting() const { return first_ != count_; }
  std::size_t packets_waiting() const { return count_ - first_; }
  // When to offer them again; kNever: none wait. The endpoint's time.
  Time retry() const { return retry_; }

  // The endpoint needs the block no more: it goes back to its application, as soon as no frame that
  // waits points into it.
  void done(core::TransmitToken token, Attachments& attachments);
  // Forgets everything: there is no device any more.
  void clear();

 private:
  // Three of the longest runs that leave as one (44 packets of 1,472 bytes): what is left of a run
  // costs as much as a whole one.
  static constexpr std::size_t kBatch = 132;
  static constexpr std::size_t kBatchesPerSend = 2;

  // Returns how many packets were for the engine itself.
  std::size_t make_frames(Time now, std::size_t count, core::Endpoint& endpoint,
                          Attachments& attachments, const SameHost& same_host);
  bool points_into(core::TransmitToken token) const;
  void give_done(Attachments& attachments);

  // [first_, count_) are still to be taken.
  std::array<core::TxPacket, kBatch> packets_;
  std::array<io::TxFrame, kBatch> frames_;
  std::size_t first_ = 0, count_ = 0;
  Time retry_ = kNever;
  std::vector<core::TransmitToken> done_;  // but a frame of theirs waited when they were
};

}  // namespace homa::engine
