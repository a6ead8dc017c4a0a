// What lies in the state file of an engine: what it shows to tools
// (docs/operating.md#looking-inside).
//
//   | StateHeader | names and meanings | values | errors | RPCs in progress | programs |
//
// The file describes itself: a reader finds each value by its section, with its name and meaning,
// and needs not be of the engine's version as long as kStateVersion is the same. Offsets, never
// pointers; fields of fixed width. The engine writes without a system call and never looks for
// readers. A reader copies the file with read(), so that nothing its owner does can hurt it.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>

namespace homa::trace {

inline constexpr std::uint64_t kStateMagic = 0x7461747361'6d6f68;  // "homastat"
inline constexpr std::uint32_t kStateVersion = 1;
inline constexpr std::size_t kStateBytesMax = 4 << 20;

using Cell = std::atomic<std::uint64_t>;
static_assert(sizeof(Cell) == 8 && Cell::is_always_lock_free);

enum class SectionKind : std::uint32_t {
  kNone = 0,
  kCounters = 1,    // MetricText, a Cell each: only grow
  kGauges = 2,      // the same: grow and shrink
  kHistograms = 3,  // HistogramText, whose cells are at `cells`
  kErrors = 4,      // ErrorEntry
  kRpcs = 5,        // RpcEntry, under one TableHead
  kPrograms = 6,    // ProgramEntry, under one TableHead
};

struct Section {
  SectionKind kind = SectionKind::kNone;
  std::uint32_t count = 0;        // entries
  std::uint32_t entry_bytes = 0;  // of each
  std::uint32_t reserved = 0;
  std::uint64_t entries = 0;  // offset in the file
  std::uint64_t values = 0;   // offset of the first Cell, or of the TableHead
};

template <std::size_t kBytes>
using Text = std::array<char, kBytes>;  // ends at the first 0, or at its end
template <std::size_t kBytes>
void set_text(Text<kBytes>& to, std::string_view text) {
  to.fill(0);
  text.copy(to.data(), to.size() - 1);
}
template <std::size_t kBytes>
std::string_view text_of(const Text<kBytes>& text) {
  const std::string_view all(text.data(), text.size());
  return all.substr(0, all.find('\0'));
}

struct MetricText {
  Text<40> name{};
  Text<88> meaning{};
};

// Its cells: the sum of all values, then the buckets (base/buckets.h). The last bucket takes all
// that is larger.
struct HistogramText {
  Text<40> name{};
  Text<88> meaning{};
  Text<16> unit{};          // "nanoseconds", "bytes"
  std::uint64_t above = 0;  // of messages longer than this and not longer than `up_to`;
  std::uint64_t up_to = 0;  // 0: of all
  std::uint32_t precision = 0;
  std::uint32_t buckets = 0;
  std::uint64_t cells = 0;  // offset
};

// Of a table that is written as a whole. Odd: it is being written.
struct TableHead {
  Cell version{0};
  Cell count{0};
  Cell written{0};  // when: CLOCK_MONOTONIC, nanoseconds
};

struct PeerEntry {
  std::array<std::uint8_t, 16> ip{};
  std::uint16_t udp_port = 0;
  std::uint16_t port = 0;
  std::uint32_t scope = 0;
};

// An error that happened `count` times: the same code, with the same peer.
struct ErrorEntry {
  Cell version{0};  // odd: it is being written
  std::uint64_t count = 0;
  std::int64_t first = 0, last = 0;  // nanoseconds since 1970
  PeerEntry peer;                    // ip all 0: with none
  std::uint32_t code = 0;            // homa::ErrorCode
  std::uint32_t executed = 0;        // homa::Executed
  Text<96> text{};
};

struct RpcEntry {
  std::uint64_t wire_id = 0;
  std::int64_t began = 0;  // CLOCK_MONOTONIC, nanoseconds, without the engine's own pauses
  PeerEntry peer;
  std::uint16_t local_port = 0;
  std::uint8_t state = 0;    // core::RpcInfo::State
  std::uint8_t is_ours = 0;  // 1: started here, 0: served here
  std::uint32_t send_length = 0, sent = 0, send_granted = 0;
  std::uint32_t receive_length = 0, received = 0, receive_granted = 0;
  std::uint32_t gaps = 0;
  std::uint32_t silent_ticks = 0;
  std::uint32_t reserved = 0;
};

// A program of another process that the engine serves, so homad's.
struct ProgramEntry {
  std::uint32_t pid = 0;
  std::uint32_t user = 0;
  std::uint32_t sockets = 0;
  std::uint32_t rpcs = 0;               // that it started and that are in progress
  std::uint64_t memory_used = 0;        // by its messages, received and sent
  std::uint64_t memory_guaranteed = 0;  // of it
  std::uint64_t receive_used = 0;       // of its receive memory
  std::uint64_t receive_bytes = 0;      // its receive memory
  // How often it had to give way, see core::Remedies, and what it did that it should not.
  std::uint64_t messages_held = 0, incoming_dropped = 0, outgoing_dropped = 0;
  std::uint64_t sends_refused = 0, requests_refused = 0;
  std::uint64_t rpcs_refused = 0, submissions_refused = 0, channels_broken = 0;
};

// The process that writes the file.
struct StateOwner {
  std::uint32_t pid = 0;
  std::uint32_t reserved = 0;
  std::uint64_t process_started = 0;  // clock ticks since the system started (/proc/PID/stat)
  std::uint64_t pid_namespace = 0;    // in which `pid` counts
};

struct StateHeader {
  Cell magic{0};  // written last
  std::uint32_t version = 0;
  std::uint32_t sections_count = 0;
  std::uint64_t bytes = 0;  // of the file
  StateOwner owner;
  std::int64_t opened = 0;  // nanoseconds since 1970
  Cell sampled{0};  // when gauges and tables were last written: CLOCK_MONOTONIC, nanoseconds
  Cell ended{0};    // 0: it runs; 1: it has stopped for want of memory
  Text<32> program{};
  Text<256> description{};
  std::array<Section, 8> sections{};
};

static_assert(sizeof(MetricText) == 128 && sizeof(HistogramText) == 176);
static_assert(sizeof(PeerEntry) == 24 && sizeof(ErrorEntry) == 160 && sizeof(RpcEntry) == 80);
static_assert(sizeof(Section) == 32 && sizeof(StateHeader) == 72 + 32 + 256 + 8 * 32);
static_assert(sizeof(ProgramEntry) == 112 && std::is_trivially_copyable_v<ProgramEntry>);
static_assert(std::is_trivially_copyable_v<RpcEntry> && std::is_standard_layout_v<ErrorEntry>);

}  // namespace homa::trace
