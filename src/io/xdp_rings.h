// AF_XDP sockets of one network device: packet memory (UMEM) and the rings that the kernel and we
// hand its frames through, one socket per receive queue. Belongs to one thread; never blocks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "homa/error.h"
#include "homa/result.h"

namespace homa::io {

struct XdpRingsConfig {
  std::string interface;
  std::uint32_t queues = 1;          // receive queues 0..queues-1 get a socket each
  std::uint32_t ring = 2048;         // frames per queue and direction; a power of two, 64..32768
  std::uint32_t frame_bytes = 2048;  // 2048 or 4096
  enum class Copy : std::uint8_t { kAuto, kCopy, kZeroCopy };
  Copy copy = Copy::kAuto;
  bool need_wakeup = true;            // system calls only where the driver asks for them
  std::uint32_t busy_poll_usecs = 0;  // preferred busy polling; 0: off
};

// A frame in packet memory. `address` is the kernel's name for where its first byte is.
struct XdpFrame {
  std::uint64_t address = 0;
  std::uint32_t length = 0;
  std::uint32_t queue = 0;
};

class XdpRings {
 public:
  // kInUse (after a second of trying): another AF_XDP socket has one of the queues.
  static Result<std::unique_ptr<XdpRings>, Error> open(const XdpRingsConfig& config);
  ~XdpRings();
  XdpRings(const XdpRings&) = delete;
  XdpRings& operator=(const XdpRings&) = delete;

  // The file descriptor of each queue's socket, for the XDP program's map and for poll().
  const std::vector<int>& descriptors() const { return descriptors_; }
  bool zero_copy() const { return zero_copy_; }

  std::byte* data(std::uint64_t address) { return memory_ + address; }
  bool owns(const std::byte* at) const { return at >= memory_ && at < memory_ + memory_bytes_; }

  // Fills `frames` from the front with what arrived; each goes back by release(), in any order.
  std::size_t receive(std::span<XdpFrame> frames);
  void release(std::uint64_t address, std::uint32_t queue);
  // Makes released frames known to the kernel; once per batch.
  void refill();

  // Up to `count` empty frames to fill and give to transmit(), in this order; returns how many.
  std::size_t take(std::span<std::uint64_t> addresses);
  void give_back(std::span<const std::uint64_t> addresses);
  void transmit(std::span<const XdpFrame> frames);
  // Has the kernel send what was given to transmit(), as far as it can now. Call again while
  // unsent() is true.
  void kick();
  bool unsent() const { return unsent_; }
  // Bytes given to transmit() of which the device has not said that they left.
  std::uint64_t queued_bytes();

  std::uint64_t system_calls() const { return system_calls_; }
  std::uint64_t dropped() const;  // by the kernel, for want of room in our rings

 private:
  struct Queue;
  XdpRings() = default;
  static Result<std::unique_ptr<XdpRings>, Error> try_open(const XdpRingsConfig& config);
  Result<void, Error> map_memory(const XdpRingsConfig& config);
  Result<void, Error> open_queue(const XdpRingsConfig& config, std::uint32_t index);
  void set_busy_poll(int fd, std::uint32_t usecs);
  void reap();

  std::byte* memory_ = nullptr;
  std::size_t memory_bytes_ = 0;
  std::uint32_t frame_bytes_ = 0;
  void* umem_ = nullptr;  // struct xsk_umem
  std::vector<std::unique_ptr<Queue>> queues_;
  std::vector<int> descriptors_;
  std::vector<std::uint64_t> free_;          // frames for transmission, last used on top
  std::vector<std::uint32_t> sent_lengths_;  // by frame number, of frames on their way out
  std::uint64_t queued_bytes_ = 0;
  std::uint64_t system_calls_ = 0;
  std::uint32_t next_queue_ = 0;  // where receive() looks first
  bool zero_copy_ = false;
  bool busy_poll_ = false;
  bool unsent_ = false;
};

}  // namespace homa::io
