// How packets enter and leave: one interface for every back end, always in batches.
//
// A PacketIo belongs to one thread. Addresses name hosts; the Homa packet (header and payload) is
// what travels, whatever a back end wraps around it. Decorators (loss, duplication, reordering,
// pcap) are PacketIos around another one.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "base/types.h"
#include "homa/address.h"
#include "io/carrier.h"

namespace homa::io {

// A received Homa packet. `bytes` stays valid until release(); `token` is the back end's own.
struct RxFrame {
  Address source;
  std::span<const std::byte> bytes;
  std::uint64_t token = 0;
  PathId path{};  // which of our addresses it came to, by which device: what an answer asks for
  std::uint8_t priority = 0;  // as in TxFrame; 0 where it costs more and IoConfig does not want it
};

// A Homa packet to send: header, then payload. Both are free again when send() returns.
// A run of frames to one destination at one priority with equal sizes (the last may be shorter)
// costs a segmenting back end one system call.
struct TxFrame {
  Address destination;
  std::uint8_t priority = 0;  // 0..7: top three bits of DSCP / traffic class
  std::span<const std::byte> header;
  std::span<const std::byte> payload;
  PathId path{};  // from which of our addresses it leaves, by which device
};

// What the network or the kernel says of a packet of ours, or of the ways to other hosts.
struct IoError {
  enum class Kind : std::uint8_t {
    kPortUnreachable,
    kProtocolUnreachable,
    kHostUnreachable,
    kTooBig,         // the packet did not fit; route() knows by now what does
    kRoutesChanged,  // ask route() again, for every peer; says nothing of a packet
  };
  Kind kind = Kind::kHostUnreachable;
  Address peer;                        // whom the packet was for
  std::array<std::byte, 28> quoted{};  // its Homa header, as far as known
  std::size_t quoted_length = 0;
};

// The way to a peer by the kernel's routes, as far as it is known.
struct Route {
  std::uint32_t packet_bytes_max = 0;      // Homa header and payload; 0: not known, or no route
  std::uint32_t device = 0;                // index of the network device; 0: not known
  std::uint64_t link_bits_per_second = 0;  // of that device; 0: not known
  bool own_address = false;                // packets for it come back to this very back end
};

struct IoCapabilities {
  std::string name;                 // "udp", "raw", "xdp", ...
  std::string note;                 // how, and with "auto" why this one: for people; may be empty
  Address local;                    // our address, as peers see it
  Carrier carrier = Carrier::kUdp;  // xdp: towards peers that have not spoken yet
  std::uint32_t scope = 0;          // the device of link-local addresses that name none
  std::uint32_t packet_bytes_max = 0;      // Homa header and payload, to peers without a route()
  std::uint32_t overhead_bytes = 0;        // on the wire per packet: Ethernet (38), IP, UDP
  std::uint64_t link_bits_per_second = 0;  // 0: not known
  bool priorities = false;                 // the priority of a frame reaches the network
  bool segmentation = false;               // runs of frames cost one system call
  bool queue_feedback = false;             // device_queue_bytes() has values
};

// The counters of every back end, each declared once: NAME(identifier, "meaning").
#define HOMA_IO_COUNTERS(NAME)                                                              \
  NAME(receive_calls, "times packets were asked for: system calls, or visits of a ring")    \
  NAME(send_calls, "times packets were handed over: system calls, or visits of a ring")     \
  NAME(frames_received, "packets the back end received")                                    \
  NAME(frames_sent, "packets the back end sent")                                            \
  NAME(send_refused, "packets that the device had no room for, or that the kernel refused") \
  NAME(receive_dropped, "packets that were no Homa packets, or that found a full buffer")

struct IoStatistics {
#define HOMA_IO_COUNTER_FIELD(name, meaning) std::uint64_t name = 0;
  HOMA_IO_COUNTERS(HOMA_IO_COUNTER_FIELD)
#undef HOMA_IO_COUNTER_FIELD

  IoStatistics& operator+=(const IoStatistics& other) {
#define HOMA_IO_COUNTER_ADD(name, meaning) name += other.name;
    HOMA_IO_COUNTERS(HOMA_IO_COUNTER_ADD)
#undef HOMA_IO_COUNTER_ADD
    return *this;
  }
};

class PacketIo {
 public:
  virtual ~PacketIo() = default;

  // Never blocks. Fills `frames` from the front; returns how many.
  virtual std::size_t receive(std::span<RxFrame> frames) = 0;
  // Gives frames back, in any order, each once.
  virtual void release(std::span<const RxFrame> frames) = 0;
  // Never blocks. Returns how many frames, from the front, were taken. Fewer than all: the device
  // is full; try the rest later. A frame that can never be sent is taken, dropped and counted.
  virtual std::size_t send(std::span<const TxFrame> frames) = 0;
  // Errors that were reported since; never blocks and costs no system call when there are none.
  virtual std::size_t errors(std::span<IoError> errors) = 0;
  // Sleeps until there is something to receive, `wake_fd` (-1: none) is readable, or time is up.
  // Whether `wake_fd` is readable.
  virtual bool wait(std::chrono::nanoseconds at_most, int wake_fd) = 0;
  // Nobody has the Homa port that this packet of a receive() called: tells its sender by ICMP,
  // where the kernel's Homa would. Before release().
  virtual void refuse(const RxFrame&) {}
  // The way to a peer now. Costs system calls: ask once per peer, and again after kRoutesChanged.
  virtual Route route(const Address&) { return {}; }
  // Bytes handed over that the device has not sent, where it can be known.
  virtual std::optional<std::uint64_t> device_queue_bytes() { return std::nullopt; }
  // A socket that another process can go on with (IoConfig::inherited_socket); -1: none.
  virtual int transferable_socket() const { return -1; }
  // Descriptors to sleep on instead of in wait(). The first is readable when there are packets.
  // When it is in error, or another one is readable, call wait() with no time before errors().
  // Empty: only wait() can tell.
  virtual std::span<const int> descriptors() const { return {}; }
  virtual const IoCapabilities& capabilities() const = 0;
  virtual IoStatistics statistics() const = 0;
};

}  // namespace homa::io
