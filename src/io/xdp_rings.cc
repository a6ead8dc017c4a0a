#include "io/xdp_rings.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <xdp/xsk.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <thread>

#include "base/check.h"
#include "base/failure.h"

#ifndef SO_PREFER_BUSY_POLL
#define SO_PREFER_BUSY_POLL 69
#define SO_BUSY_POLL_BUDGET 70
#endif

namespace homa::io {
namespace {

using namespace std::chrono_literals;

constexpr int kBusyPollBudget = 64;
// The kernel takes 32 frames per call in copy mode; this many calls empty the largest ring.
constexpr int kKicksMax = 1024;
// The kernel frees the queue of a socket a moment after the socket was closed.
constexpr auto kQueueReleaseTime = 1s;

}  // namespace

struct XdpRings::Queue {
  ~Queue() {
    if (socket != nullptr) xsk_socket__delete(socket);
  }
  xsk_socket* socket = nullptr;
  int fd = -1;
  xsk_ring_prod fill{};
  xsk_ring_cons completion{};
  xsk_ring_cons rx{};
  xsk_ring_prod tx{};
  std::vector<std::uint64_t> released;  // frames to put on the fill ring
};

Result<std::unique_ptr<XdpRings>, Error> XdpRings::open(const XdpRingsConfig& config) {
  const auto until = std::chrono::steady_clock::now() + kQueueReleaseTime;
  while (true) {
    auto rings = try_open(config);
    if (rings || rings.error().code != ErrorCode::kInUse) return rings;
    if (std::chrono::steady_clock::now() > until) return rings;
    std::this_thread::sleep_for(10ms);
  }
}

Result<std::unique_ptr<XdpRings>, Error> XdpRings::try_open(const XdpRingsConfig& config) {
  std::unique_ptr<XdpRings> rings(new XdpRings);
  if (auto mapped = rings->map_memory(config); !mapped) {
    return Unexpected<Error>(mapped.error());
  }
  for (std::uint32_t queue = 0; queue < config.queues; ++queue) {
    if (auto opened = rings->open_queue(config, queue); !opened) {
      return Unexpected<Error>(opened.error());
    }
  }
  rings->busy_poll_ = config.busy_poll_usecs > 0;
  rings->refill();
  return rings;
}

XdpRings::~XdpRings() {
  // Sockets first, last opened first: the first one owns the memory's registration.
  while (!queues_.empty()) queues_.pop_back();
  if (umem_ != nullptr) xsk_umem__delete(static_cast<xsk_umem*>(umem_));
  if (memory_ != nullptr) ::munmap(memory_, memory_bytes_);
}

Result<void, Error> XdpRings::map_memory(const XdpRingsConfig& config) {
  frame_bytes_ = config.frame_bytes;
  // Frames 0..queues*ring-1 receive, each for its queue for good; the last `ring` ones transmit.
  const std::size_t frames = std::size_t{config.queues + 1} * config.ring;
  memory_bytes_ = frames * frame_bytes_;
  void* memory = ::mmap(nullptr, memory_bytes_, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
  if (memory == MAP_FAILED) {
    return system_failure("xdp: " + std::to_string(memory_bytes_) + " bytes of packet memory",
                          errno);
  }
  memory_ = static_cast<std::byte*>(memory);
  // After a fork, the first write to a page would move it away from where the kernel reads it.
  ::madvise(memory, memory_bytes_, MADV_DONTFORK);
  sent_lengths_.resize(frames);
  for (std::size_t frame = frames; frame > frames - config.ring; --frame) {
    free_.push_back((frame - 1) * frame_bytes_);
  }
  queues_.push_back(std::make_unique<Queue>());
  xsk_umem_config umem_config{};
  umem_config.fill_size = config.ring;
  umem_config.comp_size = config.ring;
  umem_config.frame_size = frame_bytes_;
  xsk_umem* umem = nullptr;
  const int status = xsk_umem__create(&umem, memory_, memory_bytes_, &queues_[0]->fill,
                                      &queues_[0]->completion, &umem_config);
  if (status != 0) {
    const std::string hint = status == -EPERM || status == -ENOBUFS
                                 ? " (needs CAP_NET_RAW, and CAP_IPC_LOCK or a larger `ulimit -l`)"
                             : status == -EAFNOSUPPORT
                                 ? " (this kernel has no AF_XDP: CONFIG_XDP_SOCKETS)"
                                 : "";
    auto error = system_failure("xdp: registering packet memory", -status).error();
    return failure(status == -EPERM ? ErrorCode::kNotPermitted : error.code, error.text + hint);
  }
  umem_ = umem;
  return {};
}

Result<void, Error> XdpRings::open_queue(const XdpRingsConfig& config, std::uint32_t index) {
  if (index > 0) queues_.push_back(std::make_unique<Queue>());
  Queue& queue = *queues_[index];
  xsk_socket_config socket_config{};
  socket_config.rx_size = config.ring;
  socket_config.tx_size = config.ring;
  socket_config.libxdp_flags = XSK_LIBXDP_FLAGS__INHIBIT_PROG_LOAD;
  if (config.need_wakeup) socket_config.bind_flags |= XDP_USE_NEED_WAKEUP;
  if (config.copy == XdpRingsConfig::Copy::kCopy) socket_config.bind_flags |= XDP_COPY;
  if (config.copy == XdpRingsConfig::Copy::kZeroCopy) socket_config.bind_flags |= XDP_ZEROCOPY;
  const int status = xsk_socket__create_shared(&queue.socket, config.interface.c_str(), index,
                                               static_cast<xsk_umem*>(umem_), &queue.rx, &queue.tx,
                                               &queue.fill, &queue.completion, &socket_config);
  if (status != 0) {
    const std::string hint = status == -EBUSY ? " (another AF_XDP socket is bound to this queue)"
                             : status == -EOPNOTSUPP
                                 ? " (the driver cannot do this mode; try xdp:copy=copy)"
                                 : "";
    auto error =
        system_failure("xdp: socket on " + config.interface + " queue " + std::to_string(index),
                       -status)
            .error();
    return failure(status == -EBUSY ? ErrorCode::kInUse : error.code, error.text + hint);
  }
  queue.fd = xsk_socket__fd(queue.socket);
  ::fcntl(queue.fd, F_SETFD, FD_CLOEXEC);  // libxdp does not
  descriptors_.push_back(queue.fd);
  xdp_options options{};
  socklen_t size = sizeof options;
  if (::getsockopt(queue.fd, SOL_XDP, XDP_OPTIONS, &options, &size) == 0) {
    zero_copy_ = (options.flags & XDP_OPTIONS_ZEROCOPY) != 0;
  }
  set_busy_poll(queue.fd, config.busy_poll_usecs);
  queue.released.reserve(config.ring);
  for (std::uint32_t frame = 0; frame < config.ring; ++frame) {
    queue.released.push_back((std::uint64_t{index} * config.ring + frame) * frame_bytes_);
  }
  return {};
}

void XdpRings::set_busy_poll(int fd, std::uint32_t usecs) {
  if (usecs == 0) return;
  // Best effort: an older kernel then works by interrupts, which is slower but right.
  const int on = 1;
  const int time = static_cast<int>(usecs);
  ::setsockopt(fd, SOL_SOCKET, SO_PREFER_BUSY_POLL, &on, sizeof on);
  ::setsockopt(fd, SOL_SOCKET, SO_BUSY_POLL, &time, sizeof time);
  ::setsockopt(fd, SOL_SOCKET, SO_BUSY_POLL_BUDGET, &kBusyPollBudget, sizeof kBusyPollBudget);
}

std::size_t XdpRings::receive(std::span<XdpFrame> frames) {
  std::size_t count = 0;
  for (std::size_t i = 0; i < queues_.size() && count < frames.size(); ++i) {
    const std::uint32_t index = next_queue_;
    next_queue_ = index + 1 == queues_.size() ? 0 : index + 1;
    Queue& queue = *queues_[index];
    std::uint32_t at = 0;
    const std::uint32_t got =
        xsk_ring_cons__peek(&queue.rx, static_cast<std::uint32_t>(frames.size() - count), &at);
    if (got == 0) {
      if (busy_poll_ || xsk_ring_prod__needs_wakeup(&queue.fill)) {
        ::recvfrom(queue.fd, nullptr, 0, MSG_DONTWAIT, nullptr, nullptr);
        ++system_calls_;
      }
      continue;
    }
    for (std::uint32_t n = 0; n < got; ++n) {
      const xdp_desc* descriptor = xsk_ring_cons__rx_desc(&queue.rx, at + n);
      frames[count++] = {descriptor->addr, descriptor->len, index};
    }
    xsk_ring_cons__release(&queue.rx, got);
  }
  return count;
}

void XdpRings::release(std::uint64_t address, std::uint32_t queue) {
  HOMA_CHECK(queue < queues_.size());
  queues_[queue]->released.push_back(address - address % frame_bytes_);
}

void XdpRings::refill() {
  for (const auto& queue : queues_) {
    const auto released = static_cast<std::uint32_t>(queue->released.size());
    if (released == 0) continue;
    // The ring has a place for every frame, but the kernel hands frames over a moment before it
    // says that it took them from here: what has no place yet goes next time.
    const std::uint32_t count = std::min(released, xsk_prod_nb_free(&queue->fill, released));
    std::uint32_t at = 0;
    if (xsk_ring_prod__reserve(&queue->fill, count, &at) != count) continue;
    for (std::uint32_t i = 0; i < count; ++i) {
      *xsk_ring_prod__fill_addr(&queue->fill, at++) = queue->released.back();
      queue->released.pop_back();
    }
    xsk_ring_prod__submit(&queue->fill, count);
  }
}

std::size_t XdpRings::take(std::span<std::uint64_t> addresses) {
  if (free_.size() < addresses.size()) reap();
  // Completed frames may be here a moment before the kernel frees their places on the ring.
  const std::size_t places =
      xsk_prod_nb_free(&queues_[0]->tx, static_cast<std::uint32_t>(addresses.size()));
  const std::size_t count = std::min({addresses.size(), free_.size(), places});
  for (std::size_t i = 0; i < count; ++i) {
    addresses[i] = free_.back();
    free_.pop_back();
  }
  return count;
}

void XdpRings::give_back(std::span<const std::uint64_t> addresses) {
  for (std::size_t i = addresses.size(); i > 0; --i) free_.push_back(addresses[i - 1]);
}

void XdpRings::transmit(std::span<const XdpFrame> frames) {
  if (frames.empty()) return;
  Queue& queue = *queues_[0];
  const auto count = static_cast<std::uint32_t>(frames.size());
  std::uint32_t at = 0;
  // take() gave out no more frames than there are places.
  HOMA_CHECK(xsk_ring_prod__reserve(&queue.tx, count, &at) == count);
  for (const XdpFrame& frame : frames) {
    xdp_desc* descriptor = xsk_ring_prod__tx_desc(&queue.tx, at++);
    *descriptor = {frame.address, frame.length, 0};
    sent_lengths_[frame.address / frame_bytes_] = frame.length;
    queued_bytes_ += frame.length;
  }
  xsk_ring_prod__submit(&queue.tx, count);
  unsent_ = true;
}

void XdpRings::kick() {
  Queue& queue = *queues_[0];
  for (int i = 0; i < kKicksMax; ++i) {
    const bool empty = __atomic_load_n(queue.tx.consumer, __ATOMIC_ACQUIRE) ==
                       __atomic_load_n(queue.tx.producer, __ATOMIC_RELAXED);
    if (empty || (zero_copy_ && !xsk_ring_prod__needs_wakeup(&queue.tx))) {
      unsent_ = false;
      return;
    }
    ++system_calls_;
    const ssize_t status = ::sendto(queue.fd, nullptr, 0, MSG_DONTWAIT, nullptr, 0);
    // EAGAIN: more is left than one call takes. Others: the device is full or down; later again.
    if (status < 0 && errno != EAGAIN) return;
    if (status < 0 && free_.empty()) reap();
  }
}

void XdpRings::reap() {
  Queue& queue = *queues_[0];
  std::uint32_t at = 0;
  const std::uint32_t count =
      xsk_ring_cons__peek(&queue.completion, static_cast<std::uint32_t>(sent_lengths_.size()), &at);
  for (std::uint32_t i = 0; i < count; ++i) {
    const std::uint64_t address = *xsk_ring_cons__comp_addr(&queue.completion, at + i);
    queued_bytes_ -= sent_lengths_[address / frame_bytes_];
    free_.push_back(address - address % frame_bytes_);
  }
  if (count > 0) xsk_ring_cons__release(&queue.completion, count);
}

std::uint64_t XdpRings::queued_bytes() {
  reap();
  return queued_bytes_;
}

std::uint64_t XdpRings::dropped() const {
  std::uint64_t total = 0;
  for (const int fd : descriptors_) {
    xdp_statistics statistics{};
    socklen_t size = sizeof statistics;
    if (::getsockopt(fd, SOL_XDP, XDP_STATISTICS, &statistics, &size) != 0) continue;
    total += statistics.rx_dropped + statistics.rx_ring_full + statistics.rx_fill_ring_empty_descs;
  }
  return total;
}

}  // namespace homa::io
