// What lies in a channel's region: the memory between an application and an engine.
//
//   | Header | wake words | submission ring | completion ring | transmit memory ... |
//
// A channel that is opened and then idle touches two pages: the first, and the first of the
// completion ring.
//
// Offsets, never pointers; fields of fixed width; a version. The application fills the submission
// ring and owns transmit memory; the engine fills the completion ring. Each side keeps its indices
// and the layout in its own memory, and checks whatever the other side could have written before it
// uses it: an application that writes garbage hurts only itself.
//
// The region is private memory when application and engine share a process. Everything here also
// holds for a memfd that two processes map.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "channel/atomic.h"
#include "homa/address.h"

namespace homa::channel {

inline constexpr std::uint64_t kMagic = 0x6c6e6863616d6f68;  // "homachnl"
inline constexpr std::uint32_t kVersion = 5;
inline constexpr std::size_t kCacheLine = 64;

// Threads of an application that can sleep on one channel with a wake word of their own.
inline constexpr std::uint32_t kWakeWords = 256;

// A SocketAddress in fixed-width fields.
struct PeerRecord {
  std::array<std::uint8_t, 16> ip{};
  std::uint16_t udp_port = 0;
  std::uint16_t port = 0;
  std::uint32_t scope = 0;

  static PeerRecord of(const SocketAddress& address) {
    return {address.host.ip, address.host.udp_port, address.port, address.host.scope};
  }
  SocketAddress address() const { return {Address{ip, udp_port, scope}, port}; }
};

enum class SubmissionKind : std::uint8_t {
  kSend = 1,     // start an RPC: handle, cookie, peer, memory, length, pending
  kReply = 2,    // answer a request: handle, memory, length, pending
  kAbort = 3,    // end an RPC, ours or served: handle, code, report
  kRelease = 4,  // a received message's buffer is free again: memory, length
  kOpen = 5,     // open port `port` (0: a free client's port); answered by kOpened with `tag`
  kClose = 6,    // close the port; nothing but kTransmitDone comes from then on
  kStatus = 7,   // write StatusRecords into memory, length; answered by kStatus with `tag`
  kSupply = 8,   // of a message that was pending, `length` bytes are there now: handle, length
  kDrain = 9,    // requests that come from now on are refused; answered by kOpened with `tag`
  kAnnounce =
      10,        // heads of requests longer than `length` go first; answered by kOpened with `tag`
  kDecide = 11,  // after a kHead: handle; code 0: the rest is to come, else it is refused so
};

// An entry of the submission ring.
struct Submission {
  SubmissionKind kind{};
  std::uint8_t code = 0;    // ErrorCode
  std::uint8_t report = 0;  // kAbort: a kFailure is to follow
  std::uint8_t unused = 0;
  std::uint32_t length = 0;
  std::uint64_t handle = 0;   // RPC, as the application names it
  std::uint64_t memory = 0;   // offset in transmit memory; kRelease: in the receive region
  std::uint64_t tag = 0;      // of a submission that is answered
  std::uint32_t pending = 0;  // bytes at the message's end that are not there yet; kSupply follows
  std::uint16_t port = 0;
  std::uint16_t reserved = 0;
  PeerRecord peer;
};

enum class CompletionKind : std::uint8_t {
  kRequest = 1,       // handle, peer, memory in the receive region, length
  kResponse = 2,      // the same, of an RPC of ours
  kFailure = 3,       // an RPC of ours ended without response: handle, code, peer
  kServedEnded = 4,   // a request that was not answered yet cannot be any more: handle, code, peer
  kTransmitDone = 5,  // the block at `memory` in transmit memory is the application's again
  kOpened = 6,        // tag, code, port
  kStatus = 7,        // tag, length: bytes of StatusRecords written
  kHead = 8,  // handle, peer, memory, length of a request whose first `tag` bytes are there;
              // they stay until kDecide, whatever becomes of the request
};

// An entry of the completion ring.
struct Completion {
  CompletionKind kind{};
  std::uint8_t code = 0;  // ErrorCode
  std::uint16_t port = 0;
  std::uint32_t length = 0;
  std::uint64_t handle = 0;
  std::uint64_t memory = 0;
  std::uint64_t tag = 0;
  PeerRecord peer;
  std::uint8_t executed = 0;  // kFailure: homa::Executed
  std::array<std::uint8_t, 7> reserved{};
};

// An RPC in progress, as kStatus reports it.
struct StatusRecord {
  std::uint64_t handle = 0;  // 0: an RPC of ours that just ended
  std::uint64_t wire_id = 0;
  PeerRecord peer;
  std::uint32_t state = 0;  // core::RpcInfo::State
  std::uint32_t send_length = 0, sent = 0, send_granted = 0;
  std::uint32_t receive_length = 0, received = 0, receive_granted = 0;
  std::uint32_t gaps = 0;
  std::uint32_t silent_ticks = 0;
  std::uint32_t reserved = 0;
};

// Where the parts are: a function of the three sizes (region.cc). Written once, before the other
// side sees the region.
struct Layout {
  std::uint64_t magic = kMagic;
  std::uint32_t version = kVersion;
  std::uint32_t submission_entries = 0;  // powers of two
  std::uint32_t completion_entries = 0;
  std::uint32_t wake_words = kWakeWords;
  std::uint64_t submissions = 0;  // offsets in the region
  std::uint64_t completions = 0;
  std::uint64_t wake = 0;
  std::uint64_t transmit = 0;
  std::uint64_t transmit_bytes = 0;
  std::uint64_t region_bytes = 0;
};

// Indices count entries since the beginning; an entry's place is its index modulo the ring's size.
// The comments name the side that writes a word. Words of different writers are on different cache
// lines.
struct Header {
  Layout layout;
  alignas(kCacheLine) Atomic<std::uint64_t> submission_tail{0};  // application
  Atomic<std::uint32_t> application_gone{0};  // application: 1: frees all that it still holds
  alignas(kCacheLine) Atomic<std::uint64_t> submission_head{0};  // engine
  alignas(kCacheLine) Atomic<std::uint64_t> completion_tail{0};  // engine
  alignas(kCacheLine) Atomic<std::uint64_t> completion_head{0};  // application
  // Engine. 1: completions wait for room in the ring.
  alignas(kCacheLine) Atomic<std::uint32_t> completions_held{0};
  // Engine. 1: no engine reads this channel any more.
  Atomic<std::uint32_t> engine_gone{0};
  // Application. 1 + index of the wake word of the thread to wake; 0: nobody wants to be woken.
  alignas(kCacheLine) Atomic<std::uint32_t> sleeper{0};
  // Both. 1: write the descriptor when a message comes; whoever exchanges it for 0 writes.
  Atomic<std::uint32_t> descriptor_armed{0};
  // Both. 1: make it writable when transmit memory comes back; whoever exchanges it for 0 does.
  Atomic<std::uint32_t> room_wanted{0};
};

// RPCs of ours carry the application's own handles: even, never 0, and with the place in a table of
// both sides in them. Requests carry the engine's id, which is odd.
inline constexpr unsigned kSlotBits = 20;
constexpr std::uint64_t make_handle(std::uint32_t slot, std::uint64_t generation) {
  return generation << (kSlotBits + 1) | std::uint64_t{slot} << 1;
}
constexpr std::uint32_t slot_of(std::uint64_t handle) {
  return static_cast<std::uint32_t>(handle >> 1) & ((1U << kSlotBits) - 1);
}
constexpr bool is_request_handle(std::uint64_t handle) { return (handle & 1) != 0; }

using WakeWord = Atomic<std::uint32_t>;  // 0: awake, or about to sleep; 1: woken; 2: asleep

static_assert(sizeof(PeerRecord) == 24);
static_assert(sizeof(Submission) == 64 && sizeof(Completion) == 64);
static_assert(sizeof(StatusRecord) == 80);
static_assert(sizeof(Layout) == 72 && offsetof(Header, submission_tail) == 128);
static_assert(std::is_trivially_copyable_v<Submission> && std::is_trivially_copyable_v<Completion>);
static_assert(std::atomic<std::uint64_t>::is_always_lock_free);
static_assert(sizeof(WakeWord) == 4 && std::atomic<std::uint32_t>::is_always_lock_free);

}  // namespace homa::channel
