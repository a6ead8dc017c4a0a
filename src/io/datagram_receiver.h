// The receiving half of a back end on a kernel socket: one system call per visit, recvfrom() while
// it is quiet and recvmmsg() under load. Under load the kernel also joins packets to runs (UDP
// GRO), which are handed out one by one; in quiet times that would only cost (5 to 10 % of a round
// trip).
#pragma once

#include <sys/socket.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "io/local_paths.h"
#include "io/packet_io.h"
#include "io/receive_buffers.h"
#include "io/socket_address.h"

namespace homa::io {

class DatagramReceiver {
 public:
  struct Options {
    int socket = -1;
    bool can_join = false;         // the kernel has UDP_GRO
    bool ip_header = false;        // IPv4 raw sockets deliver it
    std::uint16_t fixed_port = 0;  // not 0: the UDP port that stands in every source
    LocalPaths* paths = nullptr;   // of a socket that takes packets for every address
    bool priorities = false;       // the kernel tells each packet's traffic class
  };
  DatagramReceiver(const Options& options, ReceiveBuffers buffers, IoStatistics& statistics);

  // `error` is errno if the system call failed otherwise than by "nothing there", or 0.
  std::size_t receive(std::span<RxFrame> frames, int& error);
  void release(std::span<const RxFrame> frames);
  // Packets that the last receive() had no room for.
  bool pending() const { return next_ != filled_; }

 private:
  static constexpr std::size_t kBatch = 64;
  static constexpr std::size_t kControlBytes = 128;
  static constexpr std::size_t kLoad = 8;        // datagrams in a visit: join
  static constexpr std::uint32_t kLonely = 256;  // packets in a row that came alone: join no more
  static constexpr std::uint32_t kEmptyVisits = 1000;

  // Runs that were joined before joining ended may still come, so for a while (until so many visits
  // found nothing) their length is asked for. Were one later still, it would be taken for one
  // packet, found malformed, and sent again by its sender.
  enum class Joining : std::uint8_t { kOff, kOn, kEnding };

  // A datagram in a buffer, or a run of them (each `segment` bytes, the last may be shorter).
  struct Datagram {
    Address source;
    std::uint32_t buffer = 0;
    std::uint32_t position = 0;
    std::uint32_t end = 0;
    std::uint32_t segment = 0;
    PathId path{};
    std::uint8_t priority = 0;
  };
  // What the kernel tells beside a datagram.
  struct Control {
    std::uint32_t segment = 0;  // of GRO's run of packets; 0: a single packet
    std::uint8_t traffic_class = 0;
    IpAddress local{};
    std::uint32_t device = 0;
  };
  // What the kernel writes into: its buffer stays posted until a datagram fills it.
  struct Slot {
    alignas(cmsghdr) std::byte control[kControlBytes];
    iovec bytes{};
    SocketName name{};
    std::uint32_t buffer = 0;
    bool posted = false;
  };

  std::size_t post(std::size_t wanted);
  std::size_t call_kernel(std::size_t slots, int& error);
  void fill(std::size_t frames_wanted, int& error);
  void accept(std::size_t slot);
  static Control read_control(msghdr& message);
  ssize_t receive_one();
  bool tells_control() const {
    return options_.paths != nullptr || options_.priorities || joining_ != Joining::kOff;
  }
  bool quiet() const { return slot_limit_ == 1 && !tells_control() && !pending(); }
  std::size_t receive_lone(RxFrame& frame, int& error);
  void adapt(std::size_t count);
  void join(bool on);
  void rearm(std::size_t slot);

  const Options options_;
  IoStatistics& statistics_;
  ReceiveBuffers buffers_;
  std::array<mmsghdr, kBatch> messages_{};
  std::array<Slot, kBatch> slots_{};
  std::array<Datagram, kBatch> datagrams_{};
  std::size_t next_ = 0;                 // first datagram not fully handed out
  std::size_t filled_ = 0;               // end of the datagrams
  std::size_t used_slots_ = kBatch;      // of the last visit: those behind it have their buffers
  std::size_t slot_limit_ = 1;           // 1 while it is quiet; grows and shrinks with the load
  std::size_t frames_per_datagram_ = 1;  // of the last visit: how many datagrams fill a batch
  Joining joining_ = Joining::kOff;
  std::uint32_t lonely_ = 0;
  std::uint32_t empty_visits_ = 0;
};

}  // namespace homa::io
