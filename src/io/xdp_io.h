// The AF_XDP back end: whole Ethernet frames through rings shared with the kernel.
//
// Beside it stands a companion, an ordinary back end of the same wire format (`udp` or `raw`) on
// the same address. Frames that cannot go out by AF_XDP go through it, so that the kernel resolves
// the neighbour or takes the other route: a neighbour not resolved yet, a host behind another
// device, this host itself. Packets that the XDP program left to the kernel (fragments, the
// loopback) come in by it, and so do ICMP errors.
#pragma once

#include <poll.h>

#include <array>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "io/network_monitor.h"
#include "io/next_hops.h"
#include "io/packet_io.h"
#include "io/xdp_frame.h"
#include "io/xdp_program.h"
#include "io/xdp_rings.h"

namespace homa::io {

struct XdpParts {
  std::unique_ptr<PacketIo> companion;
  std::unique_ptr<NetworkMonitor> monitor;
  std::unique_ptr<NextHops> hops;
  std::unique_ptr<XdpRings> rings;
  std::unique_ptr<XdpProgram> program;
  IoCapabilities capabilities;
  base::Descriptor control;  // any socket, to ask the kernel about the device
  std::string interface;
  MacAddress mac{};
};

class XdpIo final : public PacketIo {
 public:
  explicit XdpIo(XdpParts parts);
  ~XdpIo() override;

  std::size_t receive(std::span<RxFrame> frames) override;
  void release(std::span<const RxFrame> frames) override;
  std::size_t send(std::span<const TxFrame> frames) override;
  std::size_t errors(std::span<IoError> errors) override;
  bool wait(std::chrono::nanoseconds at_most, int wake_fd) override;
  void refuse(const RxFrame& frame) override { companion_->refuse(frame); }
  Route route(const Address& peer) override;
  std::optional<std::uint64_t> device_queue_bytes() override { return rings_->queued_bytes(); }
  const IoCapabilities& capabilities() const override { return capabilities_; }
  IoStatistics statistics() const override;

 private:
  static constexpr std::size_t kBatch = 64;

  struct Peer {
    FrameHeaders headers;
    NextHop hop;
    Carrier carrier = Carrier::kUdp;
    bool known = false;  // `hop` was asked for since routes last changed
  };
  struct Hash {
    std::size_t operator()(const Address& address) const;
  };

  Peer& peer(const Address& address);
  void resolve(const Address& address, Peer& peer);
  void build_headers(const Address& address, Peer& peer);
  bool ready(const Address& address, Peer& peer);
  void send_by_kernel(const TxFrame& frame, const Peer& peer);
  void learn_carrier(const ParsedFrame& parsed);
  void look_around();
  void take_changes();

  // Destroyed last to first: the program leaves the device before its sockets close.
  std::unique_ptr<PacketIo> companion_;
  std::unique_ptr<NetworkMonitor> monitor_;
  std::unique_ptr<NextHops> hops_;
  std::unique_ptr<XdpRings> rings_;
  std::unique_ptr<XdpProgram> program_;
  IoCapabilities capabilities_;
  base::Descriptor control_;
  const std::string interface_;
  MacAddress mac_;
  const Carrier carrier_;  // towards peers that have not spoken yet
  std::unordered_map<Address, Peer, Hash> peers_;
  Peer* last_peer_ = nullptr;  // of last_address_
  Address last_address_;
  std::size_t other_carrier_ = 0;  // peers that speak the other wire format
  std::vector<NeighbourChange> changes_;
  std::uint32_t receive_calls_ = 0;  // since look_around()
  bool companion_has_more_ = false;
  bool routes_changed_ = false;                     // errors() has not told it yet
  std::array<XdpFrame, kBatch> received_, filled_;  // scratch, not to be cleared on every call
  std::vector<pollfd> waited_for_;  // queues, then notifications, companion, wake_fd
  IoStatistics statistics_;
};

// The hardware address of a device; all zeros where it has none.
MacAddress hardware_address(const base::Descriptor& socket, const std::string& interface);

}  // namespace homa::io
