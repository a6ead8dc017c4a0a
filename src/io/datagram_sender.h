// The sending half of a back end on a kernel socket: sendto() for a short packet, sendmsg() for one
// packet, sendmmsg() for more, and with UDP GSO one message for a run of packets.
//
// A run is put together in one piece before the kernel copies it. The kernel could gather headers
// and payloads from their places, but copies many short pieces at less than half the speed: each
// begins in the middle of a cache line, which the kernel then has to read before it writes. A long
// packet by itself is gathered.
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
  static constexpr std::size_t kBatch = 128;
  static constexpr std::size_t kSegmentsMax = 64;  // UDP_MAX_SEGMENTS of older kernels
  static constexpr std::size_t kRunBytesMax = 65'000;
  static constexpr std::size_t kCopyMax = 512;  // copying this much costs less than gathering it
  // Two of the longest runs, so that they leave by one system call and stay in the cache.
  static constexpr std::size_t kStageBytes = 2 * 65'536;

  enum class Verdict { kRetry, kDrop, kFull };
  struct Slot {
    SocketName name{};
    alignas(
        cmsghdr) std::byte control[2 * CMSG_SPACE(sizeof(int)) + CMSG_SPACE(sizeof(in6_pktinfo))];
    std::size_t frames = 0;
  };

  struct Run {
    std::size_t frames = 0;
    std::size_t bytes = 0;
  };
  // Describes a prefix of `frames` as messages; returns how many messages. Never none, but if even
  // the first frame's address is of no use to this socket.
  std::size_t build(std::span<const TxFrame> frames, bool split);
  void build_message(std::size_t index, std::span<const TxFrame> run);
  // Copies the run into the stage, behind what is there.
  iovec put_together(std::span<const TxFrame> run);
  Run next_run(std::span<const TxFrame> frames, bool split) const;
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
  std::array<iovec, 2 * kBatch> iovecs_{};  // two for each message
  std::size_t staged_ = 0;                  // bytes of the stage that this call uses
  alignas(64) std::array<std::byte, kStageBytes> stage_;
  SocketName lone_name_{};
};

}  // namespace homa::io
