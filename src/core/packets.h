// What goes into the endpoint and comes out of it: packets, requests, events.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "base/types.h"
#include "homa/address.h"
#include "homa/error.h"
#include "trace/drop_reason.h"
#include "wire/codec.h"

namespace homa::core {

using trace::DropReason;

// Names a message's bytes in transmit memory. Chosen by the owner; the endpoint only hands it back.
enum class TransmitToken : std::uint64_t {};

// Where a message's bytes are in the receive memory.
enum class BufferOffset : std::uint64_t {};
constexpr BufferOffset operator+(BufferOffset offset, std::uint32_t bytes) {
  return BufferOffset{raw(offset) + bytes};
}

// What an application calls its RPC. The endpoint only hands it back.
enum class Cookie : std::uint64_t {};

// Who is charged for receive memory: a buffer is (account, offset).
enum class AccountId : std::uint32_t {};
inline constexpr AccountId kDefaultAccount{0};  // the one of an embedded host

// What an account may have.
struct AccountLimits {
  static constexpr std::uint64_t kUnlimited = ~std::uint64_t{0};

  std::uint64_t receive_bytes = 0;      // of its receive memory
  std::uint64_t memory_guaranteed = 0;  // bytes of messages, received and sent
  std::uint64_t memory_max = kUnlimited;
  std::uint32_t rpcs_guaranteed = 0;  // in progress, its own and served
  std::uint32_t served_max = ~0U;     // requests in progress
  bool waits_for_memory = false;      // as CoreConfig::wait_for_memory, for this account
};

// Where a packet goes, from which of our addresses, and as whose it goes there.
struct Way {
  Address address;
  PathId path{};
  Identity self = kNoIdentity;
};

struct RxPacket {
  Address source;
  std::span<const std::byte> bytes;  // from the Homa header on, to the packet's end
  PathId path{};                     // which answers ask for
  // The endpoint's own packet to itself: it crossed no link, and DATA's payload is here instead of
  // behind the header.
  bool same_host = false;
  std::span<const std::byte> payload{};

  std::size_t size() const { return bytes.size() + payload.size(); }
};

// What became of a packet. kDeliver: copy packet bytes [payload_offset, +length) to `buffer`.
struct RxOutcome {
  enum class Kind : std::uint8_t { kConsumed, kDeliver, kDropped };
  Kind kind = Kind::kConsumed;
  DropReason reason{};
  bool refused = false;  // kNoSuchPort: the port is closed, and the sender is told so
  AccountId account{};
  std::uint32_t payload_offset = 0;
  std::uint32_t length = 0;
  std::uint32_t new_bytes = 0;  // of `length`: that were not here yet
  std::uint32_t received = 0;   // of the message, these among them
  BufferOffset buffer{};        // of this payload's first byte, in the account's memory
  RpcId rpc{};
  std::uint32_t message_offset = 0;  // of this payload's first byte in its message
};

// An RPC to start.
struct Request {
  Address server;
  Port server_port{};
  Port client_port{};  // opened with open_port()
  std::uint32_t length = 0;
  TransmitToken transmit_token{};  // given back in TxPacket and in Event::kTransmitDone
  Cookie cookie{};                 // given back with the response or the failure
  std::uint32_t pending = 0;       // bytes at its end that are not there yet: supply() follows
};

struct Event {
  enum class Kind : std::uint8_t {
    kRequest,       // a whole request arrived: length bytes at `buffer`, until release()
    kHead,          // `received` bytes of a request of `length` are at `buffer`: decide()
    kResponse,      // a whole response arrived; the RPC is over, its buffer stays until release()
    kFailed,        // an RPC of ours ended without response, or (served) before it was answered
    kTransmitDone,  // transmit_token's bytes are needed no more; no other field counts
  };
  Kind kind = Kind::kRequest;
  ErrorCode error = ErrorCode::kOk;
  Executed executed = Executed::kNo;  // kFailed, of an RPC of ours
  Port local_port{};
  AccountId account{};  // of the local port
  Port peer_port{};
  Address peer;
  std::uint32_t length = 0;
  std::uint32_t received = 0;  // kHead
  RpcId rpc{};
  BufferOffset buffer{};
  Cookie cookie{};
  TransmitToken transmit_token{};
};

// Free pages of an account's receive memory, as one step of a pass over it found them.
struct UnusedMemory {
  BufferOffset begin{};
  std::uint64_t bytes = 0;  // 0: this step found none
  bool pass_over = true;    // no further step is needed
  bool settled = true;      // later passes find nothing, unless messages arrive
};

// A packet to send: header bytes, then payload [payload_offset, +payload_length) of the message
// named by transmit_token.
struct TxPacket {
  Address destination;
  PathId path{};  // as of the packets that it answers; kAnyPath: the owner chooses
  Priority priority = 0;
  std::uint8_t header_length = 0;
  std::uint32_t payload_length = 0;
  std::uint32_t payload_offset = 0;
  TransmitToken transmit_token{};
  wire::HeaderBuffer header;
};

// What the owner knows of the way to a peer.
struct PathInfo {
  Address peer;
  std::uint32_t packet_bytes_max = 0;      // Homa header and payload; 0: not known
  std::uint32_t device = 0;                // by which packets leave; 0: not known
  std::uint64_t link_bits_per_second = 0;  // of that device; 0: not known
  bool same_host = false;                  // packets come back as RxPacket::same_host, by no device
};

// What the device says of its own queue, where the back end can know.
struct LinkFeedback {
  std::optional<std::uint64_t> device_queue_bytes;
};

// An ICMP message (or the like) about a packet of ours.
struct Unreachable {
  enum class Kind : std::uint8_t { kPort, kProtocol, kHost };
  Address peer;
  Kind kind = Kind::kHost;
  std::span<const std::byte> quoted;  // the packet's Homa header, as far as quoted; may be empty
};

}  // namespace homa::core
