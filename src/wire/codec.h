// Packet headers <-> bytes. Parsing takes any bytes and gives a header or a reason; it never reads
// outside its span and never aborts. Encoding writes into a buffer of kLargestHeaderBytes.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

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
// The same where the payload is not behind the header.
Result<DataHeader, ParseError> parse_data(std::span<const std::byte> header,
                                          std::span<const std::byte> payload);
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

}  // namespace homa::wire
