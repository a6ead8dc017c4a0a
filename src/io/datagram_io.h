// A back end on one kernel socket, UDP or raw IP: what the two have in common, which is nearly all.
#pragma once

#include "base/descriptor.h"
#include "io/datagram_receiver.h"
#include "io/datagram_sender.h"
#include "io/error_queue.h"
#include "io/packet_io.h"

namespace homa::io {

struct DatagramSetup {
  base::Descriptor socket;  // bound, with its options set
  base::Descriptor lock;    // held as long as the socket; may be none
  IoCapabilities capabilities;
  int family = AF_INET;
  bool dual_stack = false;
  bool can_join = false;  // received packets to runs
  std::uint32_t scope = 0;
};

class DatagramIo final : public PacketIo {
 public:
  explicit DatagramIo(DatagramSetup setup);

  std::size_t receive(std::span<RxFrame> frames) override;
  void release(std::span<const RxFrame> frames) override { receiver_.release(frames); }
  std::size_t send(std::span<const TxFrame> frames) override { return sender_.send(frames); }
  std::size_t errors(std::span<IoError> errors) override {
    return errors_.empty() ? 0 : errors_.take(errors);
  }
  bool wait(std::chrono::nanoseconds at_most, int wake_fd) override;
  int descriptor() const override { return socket_.get(); }
  const IoCapabilities& capabilities() const override { return capabilities_; }
  IoStatistics statistics() const override;

 private:
  const base::Descriptor socket_;
  const base::Descriptor lock_;
  const IoCapabilities capabilities_;
  IoStatistics statistics_;
  ErrorQueue errors_;
  DatagramReceiver receiver_;
  DatagramSender sender_;
};

}  // namespace homa::io
