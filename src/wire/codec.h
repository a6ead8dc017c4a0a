// Packet headers <-> bytes. Parsing takes any bytes and gives a header or a reason; it never reads
// outside its span and never aborts. Encoding writes into a buffer of kLargestHeaderBytes.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "base/bytes.h"
#include "homa/result.h"
#include "wire/header.h"

namespace homa::wire {

using HeaderBuffer = std::array<std::byte, kLargestHeaderBytes>;

// The header at the start of a packet's Homa part. `bytes` ends where the packet ends, padding
// removed. Bounded work. A DataHeader's payload points into `bytes`.
Result<Header, ParseError> parse(std::span<const std::byte> bytes);

// The parts of parse(), for a receiver that dispatches by itself: the common header (28 bytes at
// least), then, by its type, one of the others. Each checks its own minimum length.
Result<CommonHeader, ParseError> parse_common(std::span<const std::byte> bytes);
Result<DataHeader, ParseError> parse_data(std::span<const std::byte> bytes);
// The same, into `h`, and the payload may be elsewhere. nullopt: it is a DATA packet; else `h` has
// no meaning.
std::optional<ParseError> parse_data(std::span<const std::byte> header,
                                     std::span<const std::byte> payload, DataHeader& h);
// Whether parse_data() is the one to call, without parse_common().
inline bool is_data(std::span<const std::byte> bytes) {
  return bytes.size() >= kCommonHeaderBytes && bytes[11] == std::byte{raw(PacketType::kData)};
}
Result<GrantHeader, ParseError> parse_grant(std::span<const std::byte> bytes);
Result<ResendHeader, ParseError> parse_resend(std::span<const std::byte> bytes);
Result<CutoffsHeader, ParseError> parse_cutoffs(std::span<const std::byte> bytes);
Result<AckHeader, ParseError> parse_ack(std::span<const std::byte> bytes);
Result<ErrorHeader, ParseError> parse_error(std::span<const std::byte> bytes);
Result<QueryHeader, ParseError> parse_query(std::span<const std::byte> bytes);
Result<StatusHeader, ParseError> parse_status(std::span<const std::byte> bytes);
Result<ChallengeHeader, ParseError> parse_challenge(std::span<const std::byte> bytes);
Result<AnswerHeader, ParseError> parse_answer(std::span<const std::byte> bytes);

// Each writes the header to `out`, sets the type, and returns the number of bytes written. A DATA
// header's payload is not written; it follows the header in the packet.
std::size_t encode(const DataHeader& header, HeaderBuffer& out);
std::size_t encode(const GrantHeader& header, HeaderBuffer& out);
std::size_t encode(const ResendHeader& header, HeaderBuffer& out);
std::size_t encode(const UnknownHeader& header, HeaderBuffer& out);
std::size_t encode(const BusyHeader& header, HeaderBuffer& out);
std::size_t encode(const CutoffsHeader& header, HeaderBuffer& out);
std::size_t encode(const FreezeHeader& header, HeaderBuffer& out);
std::size_t encode(const NeedAckHeader& header, HeaderBuffer& out);
std::size_t encode(const AckHeader& header, HeaderBuffer& out);
std::size_t encode(const ErrorHeader& header, HeaderBuffer& out);
std::size_t encode(const QueryHeader& header, HeaderBuffer& out);
std::size_t encode(const StatusHeader& header, HeaderBuffer& out);
std::size_t encode(const ChallengeHeader& header, HeaderBuffer& out);
std::size_t encode(const AnswerHeader& header, HeaderBuffer& out);

// --- Inline: once for each packet ---

namespace detail {

// Caller checked that kCommonHeaderBytes are there.
[[gnu::always_inline]] inline void read_common(const std::byte* at, CommonHeader& h) {
  using base::load_big_endian;
  h.source_port = Port{load_big_endian<std::uint16_t>(at)};
  h.destination_port = Port{load_big_endian<std::uint16_t>(at + 2)};
  h.sequence = load_big_endian<std::uint32_t>(at + 4);
  const auto identity_and_type = load_big_endian<std::uint32_t>(at + 8);
  h.type = static_cast<PacketType>(identity_and_type & 0xff);
  h.data_offset = static_cast<std::uint8_t>(at[12]);
  h.flags = static_cast<std::uint8_t>(at[13]);
  h.window = load_big_endian<std::uint16_t>(at + 14);
  const std::uint64_t first = identity_and_type >> 8;
  h.identity = first == 0
                   ? kNoIdentity
                   : Identity{first << 40 | std::uint64_t{h.window & 0xffU} << 32 | h.sequence};
  h.checksum = load_big_endian<std::uint16_t>(at + 16);
  h.urgent = load_big_endian<std::uint16_t>(at + 18);
  h.sender_id = WireId{load_big_endian<std::uint64_t>(at + 20)};
}

[[gnu::always_inline]] inline void write_name(const RpcName& name, std::byte* at) {
  base::store_big_endian(at, raw(name.client_id));
  base::store_big_endian(at + 8, raw(name.server_port));
}

// `offset`: of a DATA packet's payload.
[[gnu::always_inline]] inline void write_common(const CommonHeader& h, PacketType type,
                                                std::byte* at, std::uint32_t offset = 0) {
  using base::store_big_endian;
  store_big_endian(at, raw(h.source_port));
  store_big_endian(at + 2, raw(h.destination_port));
  const std::uint64_t identity = raw(h.identity);
  const bool ours = identity != 0;
  store_big_endian(at + 4, ours ? sequence_of(h.identity, offset) : h.sequence);
  store_big_endian(at + 8, static_cast<std::uint32_t>(identity >> 40 << 8) | raw(type));
  at[12] = std::byte{h.data_offset};
  at[13] = std::byte{h.flags};
  store_big_endian(
      at + 14, ours ? static_cast<std::uint16_t>((h.window & 0xff00U) | (identity >> 32 & 0xffU))
                    : h.window);
  store_big_endian(at + 16, h.checksum);
  store_big_endian(at + 18, h.urgent);
  store_big_endian(at + 20, raw(h.sender_id));
}

}  // namespace detail

[[gnu::always_inline]] inline std::optional<ParseError> parse_data(
    std::span<const std::byte> header, std::span<const std::byte> payload, DataHeader& h) {
  using base::load_big_endian;
  if (header.size() < kDataHeaderBytes) return ParseError::kTooShort;
  const std::byte* at = header.data();
  h.message_length = load_big_endian<std::uint32_t>(at + 28);
  if (h.message_length == 0) return ParseError::kZeroLength;
  if (payload.empty()) return ParseError::kEmptyData;
  h.segment_offset = load_big_endian<std::uint32_t>(at + 52);
  const std::uint32_t offset =
      payload_offset(h.segment_offset, load_big_endian<std::uint32_t>(at + 4));
  if (offset >= h.message_length || payload.size() > h.message_length - offset) {
    return ParseError::kBeyondMessage;
  }
  detail::read_common(at, h.common);
  h.incoming = load_big_endian<std::uint32_t>(at + 32);
  h.ack.client_id = WireId{load_big_endian<std::uint64_t>(at + 36)};
  h.ack.server_port = Port{load_big_endian<std::uint16_t>(at + 44)};
  h.cutoff_version = load_big_endian<std::uint16_t>(at + 46);
  const auto flags = load_big_endian<std::uint32_t>(at + 48);
  h.retransmit = static_cast<std::uint8_t>(flags >> 24);
  h.response_unscheduled_limit = flags & 0xffffff;
  if (h.common.identity != kNoIdentity) {
    const std::uint32_t last = h.common.sequence - h.segment_offset;
    h.common.identity = Identity{(raw(h.common.identity) & ~0xffffffffULL) | last};
  }
  h.payload = payload;
  return std::nullopt;
}

[[gnu::always_inline]] inline std::size_t encode(const DataHeader& h, HeaderBuffer& out) {
  using base::store_big_endian;
  std::byte* at = out.data();
  detail::write_common(h.common, PacketType::kData, at, h.segment_offset);
  store_big_endian(at + 28, h.message_length);
  store_big_endian(at + 32, h.incoming);
  detail::write_name(h.ack, at + 36);
  store_big_endian(at + 46, h.cutoff_version);
  store_big_endian(at + 48, (std::uint32_t{h.retransmit} << 24) |
                                std::min(h.response_unscheduled_limit, 0xffffffU));
  store_big_endian(at + 52, h.segment_offset);
  return kDataHeaderBytes;
}

}  // namespace homa::wire
