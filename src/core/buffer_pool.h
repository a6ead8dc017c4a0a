// The receive memory of one account: which message has a buffer, which messages wait for one, and
// whose turn it is (docs/protocol.md#memory). The pool deals in offsets and never touches the
// memory itself.
#pragma once

#include <algorithm>
#include <array>
#include <boost/intrusive/list.hpp>
#include <boost/intrusive/set.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "base/mapping.h"
#include "core/memory_pressure.h"
#include "core/memory_zones.h"
#include "core/packets.h"
#include "core/peer_shares.h"

namespace homa::core {

struct Rpc;
struct PortShare;

// The place of one incoming message; part of its RPC.
struct MessageBuffer {
  Rpc* rpc = nullptr;  // whose message this is
  PortShare* share = nullptr;
  PeerShare* peer = nullptr;  // whose it is while it arrives; nullptr: one packet is all of it
  BufferOffset offset{};
  std::uint32_t length = 0;
  bool held = false;       // `offset` is this message's; once handed over it is the application's
  std::uint64_t turn = 0;  // while it waits: the lowest comes first
  boost::intrusive::set_member_hook<> waiting_hook;

  bool waits() const { return waiting_hook.is_linked(); }
};

// What one port uses of its account's memory, and which of its messages wait for some.
struct PortShare {
  struct ByTurn {
    bool operator()(const MessageBuffer& a, const MessageBuffer& b) const {
      return a.turn < b.turn;
    }
  };
  using Waiting = boost::intrusive::multiset<
      MessageBuffer, boost::intrusive::compare<ByTurn>,
      boost::intrusive::member_hook<MessageBuffer, boost::intrusive::set_member_hook<>,
                                    &MessageBuffer::waiting_hook>,
      boost::intrusive::constant_time_size<false>>;

  std::uint32_t index = 0;
  bool responses = false;  // a client's port
  bool open = false;
  std::array<std::uint64_t, MemoryZones::kZonesMax> used{};  // bytes, by zone
  std::array<Waiting, MemoryZones::kClasses> waiting;        // by class
  std::uint64_t turn = 0;                                    // of who was served last
  boost::intrusive::list_member_hook<> turn_hook;

  bool is_empty() const {
    return std::all_of(used.begin(), used.end(), [](auto bytes) { return bytes == 0; });
  }
};

class BufferPool {
 public:
  static constexpr std::uint64_t kMemoryFollows = ~std::uint64_t{0};

  // 0 bytes: unlimited, and every buffer is at offset 0 (for owners that keep no bytes).
  // kMemoryFollows: every message waits until give_memory().
  // longest: of a message, in bytes. `pressure`, `use`: who else has a say in it, and what the
  // account uses; they outlive the pool.
  BufferPool(std::uint64_t bytes, std::uint32_t longest, MemoryPressure& pressure, MemoryUse& use);
  ~BufferPool();

  // For a pool whose memory follows: once, `bytes` > 0. Call serve_waiting() afterwards. Throws
  // std::bad_alloc, and then nothing has changed. O(waiting messages).
  void give_memory(std::uint64_t bytes);

  // A port opens, and takes responses or requests. It closes when none of its messages is here any
  // more; buffers that its application still has stay valid.
  PortShare& open_share(bool responses);
  void close_share(PortShare& share);

  // Room for a message of `length` bytes. False: there is none, and the message waits. O(log pool).
  // `peer`: as in MessageBuffer, of the pool's account.
  bool get(MessageBuffer& buffer, PortShare& share, PeerShare* peer, std::uint32_t length);
  // The message ends: it gives its buffer back, or stops waiting.
  void drop(MessageBuffer& buffer) {
    if (buffer.held || buffer.waits()) take_from(buffer);
  }
  // The message is complete: its buffer is the application's, until release(). True: its peer may
  // use more, so that others of it may no longer have to wait.
  bool hand_over(MessageBuffer& buffer) {
    buffer.held = false;
    if (buffer.peer == nullptr) return false;
    if (zones_) buffer.peer->bytes -= MemoryZones::block_bytes(buffer.length);
    leave_peer(buffer);
    return true;
  }
  // The application gives back what was handed over. False, and nothing happens, when that is no
  // such buffer: the pair may come from another process.
  bool release(BufferOffset offset, std::uint32_t length);

  bool waiting() const { return ports_waiting_ > 0; }  // some message waits
  // A waiting message that has just got its buffer; nullptr: there is no room for any. Call until
  // nullptr after drop() and release(), and after hand_over() if that says so. Looks at kLooks
  // ports at most.
  MessageBuffer* serve_waiting();

  // A pass over the memory finds pages that nobody has used since the pass before. begin_pass(),
  // then step() until the pass is over; the owner of the memory discards what it gives.
  void begin_pass();
  UnusedMemory pass_step(std::uint64_t bytes_max);

  std::uint64_t used() const { return zones_ ? zones_->used() : 0; }

 private:
  static constexpr int kLooks = 32;
  static constexpr int kPeerLooks = 8;  // at messages of one class and port
  static constexpr std::size_t kSlabLooks = 1024;
  // A port may use so many times what it leaves free: one port alone gets two thirds of a zone, the
  // next one two thirds of the rest.
  static constexpr std::uint64_t kShareOfFree = 2;
  using Turns = boost::intrusive::list<
      PortShare, boost::intrusive::member_hook<PortShare, boost::intrusive::list_member_hook<>,
                                               &PortShare::turn_hook>>;

  // Of a zone, in bytes.
  struct Use {
    std::uint64_t free = 0;
    std::uint64_t requests_left = 0;  // what requests may still take
  };

  void take_from(MessageBuffer& buffer);
  bool get_elsewhere(MessageBuffer& buffer);
  bool allot(MessageBuffer& buffer, unsigned message_class, std::uint64_t bytes);
  bool allot_in(std::uint8_t zone, MessageBuffer& buffer, std::uint64_t bytes);
  // Until there is memory, there is one class.
  unsigned class_of(const MessageBuffer& buffer) const {
    return zones_ ? zones_->class_of(MemoryZones::block_bytes(buffer.length)) : 0;
  }
  void wait(MessageBuffer& buffer);
  void make_zones(std::uint64_t bytes);
  // A peer may use half of what it leaves: one alone gets a third. One message it may always have.
  bool exceeds_share(const MessageBuffer& buffer, unsigned message_class,
                     std::uint64_t bytes) const;
  static void leave_peer(MessageBuffer& buffer) {
    --buffer.peer->messages;
    buffer.peer = nullptr;
  }
  void take_back(PortShare& share, std::size_t zone, std::uint64_t bytes);
  bool release_block(BufferOffset offset, std::uint64_t bytes);
  MessageBuffer* serve_one_of(PortShare& share);
  void leave_turns_if_served(PortShare& share);
  std::uint32_t& owner(std::uint64_t offset) const {
    return reinterpret_cast<std::uint32_t*>(
        owners_.bytes().data())[offset / base::RegionAllocator::kUnit];
  }

  const std::uint32_t longest_;
  const bool memory_follows_;
  std::optional<MemoryZones> zones_;
  base::Mapping owners_;  // by unit of the memory: the share that a buffer which begins there is of
  std::array<Use, MemoryZones::kZonesMax> use_{};  // by zone
  std::array<Turns, 2> turns_;  // ports with waiting messages: responses, requests
  std::uint32_t ports_waiting_ = 0;
  std::vector<std::unique_ptr<PortShare>> shares_;  // by index
  std::vector<PortShare*> unused_;
  MemoryPressure& pressure_;
  MemoryUse& memory_use_;
};

// --- Inline: once for each message ---

// A port's limit follows what is free, so that some is left for a port that has little.
[[gnu::always_inline]] inline bool BufferPool::allot_in(std::uint8_t zone, MessageBuffer& buffer,
                                                        std::uint64_t bytes) {
  PortShare& share = *buffer.share;
  Use& use = use_[zone];
  const std::uint64_t free = share.responses ? use.free : std::min(use.free, use.requests_left);
  if (bytes > free || share.used[zone] + bytes > kShareOfFree * free) return false;
  if (!pressure_.may_receive(memory_use_, bytes)) return false;
  const auto offset = zones_->allocate(zone, bytes);
  if (!offset) return false;
  buffer.offset = BufferOffset{*offset};
  buffer.held = true;
  owner(*offset) = share.index;
  share.used[zone] += bytes;
  use.free -= bytes;
  if (!share.responses) use.requests_left -= bytes;
  if (buffer.peer != nullptr) buffer.peer->bytes += bytes;
  pressure_.received(memory_use_, bytes);
  return true;
}

// A message of one packet that takes one unit, as most are, needs no look at its length.
[[gnu::always_inline]] inline bool BufferPool::get(MessageBuffer& buffer, PortShare& share,
                                                   PeerShare* peer, std::uint32_t length) {
  buffer.length = length;
  buffer.share = &share;
  buffer.peer = peer;
  if (zones_ && peer == nullptr && length <= base::RegionAllocator::kUnit) [[likely]] {
    buffer.turn = share.turn;
    if (share.waiting[zones_->unit_class()].empty() &&
        allot_in(zones_->unit_zone(), buffer, base::RegionAllocator::kUnit)) [[likely]] {
      return true;
    }
  }
  return get_elsewhere(buffer);
}

[[gnu::always_inline]] inline void BufferPool::take_back(PortShare& share, std::size_t zone,
                                                         std::uint64_t bytes) {
  share.used[zone] -= bytes;
  use_[zone].free += bytes;
  if (!share.responses) use_[zone].requests_left += bytes;
  pressure_.released(memory_use_, bytes);
  if (!share.open && share.is_empty()) unused_.push_back(&share);
}

[[gnu::always_inline]] inline bool BufferPool::release_block(BufferOffset offset,
                                                             std::uint64_t bytes) {
  const std::uint8_t zone = zones_->free(raw(offset), bytes);
  if (zone == MemoryZones::kNone) return false;
  take_back(*shares_[owner(raw(offset))], zone, bytes);
  return true;
}

[[gnu::always_inline]] inline bool BufferPool::release(BufferOffset offset, std::uint32_t length) {
  if (!zones_) return !memory_follows_;
  if (length == 0) return false;
  if (length <= base::RegionAllocator::kUnit) [[likely]]
    return release_block(offset, base::RegionAllocator::kUnit);
  return release_block(offset, MemoryZones::block_bytes(length));
}

}  // namespace homa::core
