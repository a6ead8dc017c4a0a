// A back end on one kernel socket, UDP or raw IP: what the two have in common, which is nearly all.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include "base/descriptor.h"

#include "base/descriptor.h"
#include "io/datagram_receiver.h"
#include "io/datagram_sender.h"
#include "io/device.h"
#include "io/error_queue.h"
#include "io/local_paths.h"
#include "io/network_monitor.h"
#include "io/packet_io.h"
#include "io/port_unreachable.h"

namespace homa::io {

struct DatagramSetup {
  base::Descriptor socket;  // bound, with its options set
  base::Descriptor lock;    // held as long as the socket; may be none
  IoCapabilities capabilities;
  std::unique_ptr<NetworkMonitor> monitor;
  std::unique_ptr<LocalPaths> paths;        // of a socket that takes packets for every address
  std::optional<PortUnreachable> refusals;  // of protocol 146, which kernels speak
  ReceiveBuffers buffers;
  int family = AF_INET;
  bool dual_stack = false;
  bool can_join = false;    // received packets to runs
  bool priorities = false;  // received packets tell theirs
};

// What both kinds of back end need besides the socket: memory to receive into, a monitor of the
// network, and, for every address, the paths of answers. `setup` has its capabilities already.
Result<void, Error> complete_setup(const IoConfig& config, const Device& device,
                                   DatagramSetup& setup);

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
  void refuse(const RxFrame& frame) override {
    if (refusals_) refusals_->send(frame);
  }
  Route route(const Address& peer) override { return monitor_->route(peer); }
  int transferable_socket() const override {
    return capabilities_.carrier == Carrier::kUdp ? socket_.get() : -1;
  }
  std::span<const int> descriptors() const override { return descriptors_; }
  const IoCapabilities& capabilities() const override { return capabilities_; }
  IoStatistics statistics() const override;

 private:
  // receive() looks for changes of the network once in so many calls: an engine that polls spends
  // less than a thousandth of its time on it, one that sleeps is woken by them.
  static constexpr std::uint32_t kLookAroundCalls = 4'096;

  void look_around();

  const base::Descriptor socket_;
  const base::Descriptor lock_;
  const IoCapabilities capabilities_;
  const std::unique_ptr<NetworkMonitor> monitor_;
  const std::unique_ptr<LocalPaths> paths_;
  std::optional<PortUnreachable> refusals_;
  const std::array<int, 2> descriptors_;  // the socket's, the monitor's
  std::uint32_t receive_calls_ = 0;       // since look_around()
  IoStatistics statistics_;
  ErrorQueue errors_;
  DatagramReceiver receiver_;
  DatagramSender sender_;
};

}  // namespace homa::io
