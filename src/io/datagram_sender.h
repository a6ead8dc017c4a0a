// The sending half of a back end on a kernel socket: sendto() for a short packet, sendmsg() for one
// packet, sendmmsg() for more, and with UDP GSO one message for a run of packets. The kernel
// gathers header and payload.
#pragma once

#include <sys/socket.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "io/carrier.h"
#include "io/error_queue.h"
#include "io/local_paths.h"
#include "io/packet_io.h"
#include "io/socket_address.h"

namespace homa::io {

// Priority p in the TOS byte or traffic class (docs/protocol.md#priorities).
constexpr int traffic_class(std::uint8_t priority) { return (priority & 7) << 5; }
// What the socket itself is set to, so that most packets need no control message.
inline constexpr std::uint8_t kSocketPriority = 7;

class DatagramSender {
 public:
  struct Options {
    int socket = -1;
    int family = AF_INET;  // AF_INET6 also takes IPv4 destinations, when dual-stack
    bool dual_stack = false;
    Carrier carrier = Carrier::kUdp;  // of others, the port in a destination is 0
    bool segmentation = false;
    std::uint32_t scope = 0;            // device of link-local destinations that name none
    const LocalPaths* paths = nullptr;  // of a socket that takes packets for every address
  };
  DatagramSender(const Options& options, ErrorQueue& errors, IoStatistics& statistics);

  std::size_t send(std::span<const TxFrame> frames);
  bool segmentation() const { return options_.segmentation; }

 private:
  static constexpr std::size_t kBatch = 64;
  static constexpr std::size_t kSegmentsMax = 64;  // UDP_MAX_SEGMENTS of older kernels
  static constexpr std::size_t kRunBytesMax = 65'000;
  static constexpr std::size_t kCopyMax = 512;  // copying this much costs less than gathering it

  enum class Verdict { kRetry, kDrop, kFull };
  struct Slot {
    SocketName name{};
    alignas(
        cmsghdr) std::byte control[2 * CMSG_SPACE(sizeof(int)) + CMSG_SPACE(sizeof(in6_pktinfo))];
    std::size_t frames = 0;
  };

  // Describes a prefix of `frames` as messages; returns how many messages. Never none, but if even
  // the first frame's address is of no use to this socket.
  std::size_t build(std::span<const TxFrame> frames, bool split);
  void build_message(std::size_t index, std::span<const TxFrame> run, std::size_t& iovec_index);
  std::size_t run_length(std::span<const TxFrame> frames) const;
  bool reachable(const Address& destination) const;
  socklen_t name(const Address& destination, SocketName& name) const;
  std::size_t call_kernel(std::size_t messages, int& error);
  bool send_lone(const TxFrame& frame);
  Verdict judge(int error, const TxFrame& frame, std::size_t run, bool& retried);
  void add_path(const TxFrame& frame, Slot& slot, msghdr& message) const;
  bool any_queued() const;  // whether packets of this socket wait in a device
  void drop(const TxFrame& frame, int error);

  Options options_;
  ErrorQueue& errors_;
  IoStatistics& statistics_;
  std::array<mmsghdr, kBatch> messages_{};
  std::array<Slot, kBatch> slots_{};
  std::array<iovec, 2 * kBatch> iovecs_{};
  SocketName lone_name_{};
};

}  // namespace homa::io
