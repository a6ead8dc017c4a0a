// The receiving half of a back end on a kernel socket: one system call per visit, recvmsg() while
// it is quiet and recvmmsg() under load; GRO's runs of packets are handed out one by one.
#pragma once

#include <sys/socket.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "io/packet_io.h"
#include "io/receive_buffers.h"
#include "io/socket_address.h"

namespace homa::io {

class DatagramReceiver {
 public:
  struct Options {
    int socket = -1;
    bool ip_header = false;        // IPv4 raw sockets deliver it
    std::uint16_t fixed_port = 0;  // not 0: the UDP port that stands in every source
  };
  DatagramReceiver(const Options& options, IoStatistics& statistics);

  // `error` is errno if the system call failed otherwise than by "nothing there", or 0.
  std::size_t receive(std::span<RxFrame> frames, int& error);
  void release(std::span<const RxFrame> frames);
  // Packets that the last receive() had no room for.
  bool pending() const { return next_ != filled_; }

 private:
  static constexpr std::size_t kBatch = 64;
  static constexpr std::size_t kControlBytes = 64;

  // A datagram in a buffer, or a run of them (each `segment` bytes, the last may be shorter).
  struct Datagram {
    Address source;
    std::uint32_t buffer = 0;
    std::uint32_t position = 0;
    std::uint32_t end = 0;
    std::uint32_t segment = 0;
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
  std::uint32_t read_control(msghdr& message);
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
  std::uint32_t kernel_drops_ = 0;       // by SO_RXQ_OVFL, as last reported
};

}  // namespace homa::io
