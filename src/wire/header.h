// The packets of Homa as plain structs, and the reasons why bytes may not be one.
// Layout and meaning: docs/protocol.md#packets.
//
//   0             2             4          8              11     12     13  14   16   18   20
//   | source port | destination | sequence | identity (3) | type | off. | 6 | win| sum| urg| id
//
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <variant>

#include "base/types.h"

namespace homa::wire {

enum class PacketType : std::uint8_t {
  kData = 0x10,
  kGrant = 0x11,
  kResend = 0x12,
  kUnknown = 0x13,
  kBusy = 0x14,
  kCutoffs = 0x15,
  kFreeze = 0x16,
  kNeedAck = 0x17,
  kAck = 0x18,
  // Ours: kernel peers drop and count them.
  kError = 0x20,      // docs/protocol.md#errors
  kQuery = 0x21,      // docs/protocol.md#query-and-status
  kStatus = 0x22,     // docs/protocol.md#query-and-status
  kChallenge = 0x23,  // docs/protocol.md#challenge-and-answer
  kAnswer = 0x24,     // docs/protocol.md#challenge-and-answer
};

enum class ParseError : std::uint8_t {
  kTooShort,       // shorter than its type's minimum
  kUnknownType,    // a type that does not exist
  kZeroLength,     // DATA of an empty message
  kBeyondMessage,  // DATA with bytes past the message's length
  kEmptyData,      // DATA without payload
  kTooManyNames,   // ACK, QUERY or STATUS that claims to list more than five RPCs
};
inline constexpr std::size_t kParseErrors = 6;
std::string_view to_string(PacketType type);
std::string_view to_string(ParseError error);

inline constexpr std::size_t kCommonHeaderBytes = 28;
inline constexpr std::size_t kDataHeaderBytes = 56;
inline constexpr std::size_t kGrantBytes = 33;
inline constexpr std::size_t kResendBytes = 37;
inline constexpr std::size_t kCutoffsBytes = 62;
inline constexpr std::size_t kAckBytes = 80;
inline constexpr std::size_t kErrorBytes = 30;
inline constexpr std::size_t kErrorWithLimitBytes = 34;
inline constexpr std::size_t kQueryBytes = 80;
inline constexpr std::size_t kStatusBytes = 80;
inline constexpr std::size_t kChallengeBytes = 36;
inline constexpr std::size_t kAnswerBytes = 36;
inline constexpr std::size_t kLargestHeaderBytes = kAckBytes;
inline constexpr std::size_t kNamesPerPacket = 5;  // listed in ACK, QUERY and STATUS
inline constexpr std::uint32_t kExplicitOffsetAbsent = 0xffffffff;  // segment offset: use sequence
inline constexpr std::uint32_t kEverythingSent = 0xffffffff;        // RESEND length
inline constexpr std::uint8_t kTcpFlags = 6;                        // SYN and RST
inline constexpr std::uint16_t kTcpUrgent = 0xb97d;

struct CommonHeader {
  Port source_port{};
  Port destination_port{};
  // As on the wire. A kernel's DATA: offset of the first payload byte. Ours: see `identity`.
  std::uint32_t sequence = 0;
  // Ours: bytes 8 to 10, the low byte of `window`, and `sequence` less the segment offset. It is
  // encoded into these fields, whatever else they say. parse_common() of a DATA packet takes the
  // segment offset for 0; parse_data() knows it.
  Identity identity = kNoIdentity;
  PacketType type = PacketType::kData;
  std::uint8_t data_offset = 0x50;
  std::uint8_t flags = kTcpFlags;
  std::uint16_t window = 0;
  std::uint16_t checksum = 0;
  std::uint16_t urgent = kTcpUrgent;
  WireId sender_id{};
};

// The sequence of a packet of ours whose payload begins at `offset`, and back: it counts from a
// number that belongs to the identity, as TCP's does.
constexpr std::uint32_t sequence_of(Identity identity, std::uint32_t offset) {
  return static_cast<std::uint32_t>(raw(identity)) + offset;
}
constexpr std::uint32_t offset_of(Identity identity, std::uint32_t sequence) {
  return sequence - static_cast<std::uint32_t>(raw(identity));
}
// Whether a packet, of which nothing beyond the common header is there, may show this identity.
// Its sequence is not compared: a DATA packet's depends on its offset.
constexpr bool may_show(const CommonHeader& common, Identity identity) {
  return raw(common.identity) >> 32 == raw(identity) >> 32;
}

// An RPC as its client names it to the server. Client id 0: none.
struct RpcName {
  WireId client_id{};
  Port server_port{};
};
// Tells a server that its client needs nothing more of that RPC.
using Ack = RpcName;

// Where a DATA packet's payload begins in its message (docs/protocol.md#packets).
constexpr std::uint32_t payload_offset(std::uint32_t segment_offset, std::uint32_t sequence) {
  return segment_offset == kExplicitOffsetAbsent ? sequence : segment_offset;
}

struct DataHeader {
  static constexpr PacketType kType = PacketType::kData;
  CommonHeader common;
  std::uint32_t message_length = 0;
  std::uint32_t incoming = 0;  // bytes that the sender will send without a further grant
  Ack ack;
  std::uint16_t cutoff_version = 0;
  std::uint8_t retransmit = 0;
  // Ours, 24 bits in bytes a kernel ignores: most unscheduled bytes for the response; 0: no limit.
  std::uint32_t response_unscheduled_limit = 0;
  std::uint32_t segment_offset = 0;
  std::span<const std::byte> payload;  // in the packet that was parsed

  std::uint32_t offset() const { return payload_offset(segment_offset, common.sequence); }
  std::uint32_t payload_length() const { return static_cast<std::uint32_t>(payload.size()); }
};

struct GrantHeader {
  static constexpr PacketType kType = PacketType::kGrant;
  CommonHeader common;
  std::uint32_t offset = 0;  // bytes before this one may be sent
  std::uint8_t priority = 0;
};

struct ResendHeader {
  static constexpr PacketType kType = PacketType::kResend;
  CommonHeader common;
  std::uint32_t offset = 0;
  std::uint32_t length = 0;  // kEverythingSent: all that was sent
  std::uint8_t priority = 0;
};

struct UnknownHeader {
  static constexpr PacketType kType = PacketType::kUnknown;
  CommonHeader common;
};
struct BusyHeader {
  static constexpr PacketType kType = PacketType::kBusy;
  CommonHeader common;
};
struct FreezeHeader {
  static constexpr PacketType kType = PacketType::kFreeze;
  CommonHeader common;
};
struct NeedAckHeader {
  static constexpr PacketType kType = PacketType::kNeedAck;
  CommonHeader common;
};

struct CutoffsHeader {
  static constexpr PacketType kType = PacketType::kCutoffs;
  CommonHeader common;
  std::array<std::uint32_t, kPriorities> cutoffs{};  // by priority: longest message that may use it
  std::uint16_t version = 0;
};

struct AckHeader {
  static constexpr PacketType kType = PacketType::kAck;
  CommonHeader common;
  std::uint16_t count = 0;
  std::array<Ack, kNamesPerPacket> acks{};
};

// Ours: a client asks a server which of these RPCs it knows: that of the header, and those listed.
//
//   0                28          30                   40                      80
//   | common header  | count (2) | client id (8), port (2) | ... five in all |
//
struct QueryHeader {
  static constexpr PacketType kType = PacketType::kQuery;
  CommonHeader common;
  std::uint16_t count = 0;
  std::array<RpcName, kNamesPerPacket> rpcs{};
};

// Ours: the answer, with the same RPCs in the same order.
//
//   0                28          29          30                              80
//   | common header  | count (1) | known (1) | as in QUERY                    |
//
struct StatusHeader {
  static constexpr PacketType kType = PacketType::kStatus;
  CommonHeader common;
  std::uint8_t count = 0;
  std::uint8_t known = 0;  // bit 0: the header's RPC; bit i: the i-th that is listed, from 1
  std::array<RpcName, kNamesPerPacket> rpcs{};
};

// Ours: a random number goes to an address. Whoever is there sends it back, which proves that.
//
//   0                28          36
//   | common header  | nonce (8) |
//
struct ChallengeHeader {
  static constexpr PacketType kType = PacketType::kChallenge;
  CommonHeader common;
  std::uint64_t nonce = 0;
};

// Ours: the answer, with the nonce of the challenge.
struct AnswerHeader {
  static constexpr PacketType kType = PacketType::kAnswer;
  CommonHeader common;
  std::uint64_t nonce = 0;
};

// Ours: the sender ended this RPC, and why.
struct ErrorHeader {
  static constexpr PacketType kType = PacketType::kError;
  CommonHeader common;
  std::uint8_t code = 0;      // homa::ErrorCode; an unknown value is "cancelled"
  std::uint8_t executed = 0;  // homa::Executed, as far as the sender knows; unknown is "perhaps"
  // The longest message that the sender takes; 0: it does not say, and the packet is shorter.
  std::uint32_t limit = 0;
};

using Header = std::variant<DataHeader, GrantHeader, ResendHeader, UnknownHeader, BusyHeader,
                            CutoffsHeader, FreezeHeader, NeedAckHeader, AckHeader, ErrorHeader,
                            QueryHeader, StatusHeader, ChallengeHeader, AnswerHeader>;

}  // namespace homa::wire
