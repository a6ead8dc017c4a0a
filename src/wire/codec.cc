#include "wire/codec.h"

#include <algorithm>

#include "base/bytes.h"

namespace homa::wire {
namespace {

using base::load_big_endian;
using base::store_big_endian;
using detail::read_common;
using detail::write_common;
using detail::write_name;

CommonHeader read_common(const std::byte* at) {
  CommonHeader h;
  read_common(at, h);
  return h;
}

constexpr std::size_t kNameBytes = 10;
constexpr std::size_t kNamesAt = 30;  // in ACK, QUERY and STATUS

RpcName read_name(const std::byte* at) {
  return RpcName{WireId{load_big_endian<std::uint64_t>(at)},
                 Port{load_big_endian<std::uint16_t>(at + 8)}};
}

// Caller checked that all of them are there.
std::array<RpcName, kNamesPerPacket> read_names(const std::byte* packet) {
  std::array<RpcName, kNamesPerPacket> names;
  for (std::size_t i = 0; i < names.size(); ++i) {
    names[i] = read_name(packet + kNamesAt + kNameBytes * i);
  }
  return names;
}

void write_names(const std::array<RpcName, kNamesPerPacket>& names, std::byte* packet) {
  for (std::size_t i = 0; i < names.size(); ++i) {
    write_name(names[i], packet + kNamesAt + kNameBytes * i);
  }
}

template <typename H>
std::size_t encode_bare(const H& header, PacketType type, HeaderBuffer& out) {
  write_common(header.common, type, out.data());
  return kCommonHeaderBytes;
}

Unexpected<ParseError> failure(ParseError error) { return Unexpected<ParseError>(error); }

}  // namespace

Result<CommonHeader, ParseError> parse_common(std::span<const std::byte> bytes) {
  if (bytes.size() < kCommonHeaderBytes) return failure(ParseError::kTooShort);
  return read_common(bytes.data());
}

Result<DataHeader, ParseError> parse_data(std::span<const std::byte> bytes) {
  Result<DataHeader, ParseError> result{DataHeader{}};
  const auto payload = bytes.subspan(std::min(bytes.size(), kDataHeaderBytes));
  if (const auto error = parse_data(bytes, payload, *result)) return failure(*error);
  return result;
}

Result<GrantHeader, ParseError> parse_grant(std::span<const std::byte> bytes) {
  if (bytes.size() < kGrantBytes) return failure(ParseError::kTooShort);
  const std::byte* at = bytes.data();
  return GrantHeader{read_common(at), load_big_endian<std::uint32_t>(at + 28),
                     static_cast<std::uint8_t>(at[32])};
}

Result<ResendHeader, ParseError> parse_resend(std::span<const std::byte> bytes) {
  if (bytes.size() < kResendBytes) return failure(ParseError::kTooShort);
  const std::byte* at = bytes.data();
  return ResendHeader{read_common(at), load_big_endian<std::uint32_t>(at + 28),
                      load_big_endian<std::uint32_t>(at + 32), static_cast<std::uint8_t>(at[36])};
}

Result<CutoffsHeader, ParseError> parse_cutoffs(std::span<const std::byte> bytes) {
  if (bytes.size() < kCutoffsBytes) return failure(ParseError::kTooShort);
  const std::byte* at = bytes.data();
  CutoffsHeader h;
  h.common = read_common(at);
  for (std::size_t i = 0; i < h.cutoffs.size(); ++i) {
    h.cutoffs[i] = load_big_endian<std::uint32_t>(at + 28 + 4 * i);
  }
  h.version = load_big_endian<std::uint16_t>(at + 60);
  return h;
}

Result<AckHeader, ParseError> parse_ack(std::span<const std::byte> bytes) {
  if (bytes.size() < kAckBytes) return failure(ParseError::kTooShort);
  const std::byte* at = bytes.data();
  AckHeader h;
  h.common = read_common(at);
  h.count = load_big_endian<std::uint16_t>(at + 28);
  if (h.count > kNamesPerPacket) return failure(ParseError::kTooManyNames);
  h.acks = read_names(at);
  return h;
}

Result<ErrorHeader, ParseError> parse_error(std::span<const std::byte> bytes) {
  if (bytes.size() < kErrorBytes) return failure(ParseError::kTooShort);
  const bool has_limit = bytes.size() >= kErrorWithLimitBytes;
  return ErrorHeader{read_common(bytes.data()), static_cast<std::uint8_t>(bytes[28]),
                     static_cast<std::uint8_t>(bytes[29]),
                     has_limit ? load_big_endian<std::uint32_t>(bytes.data() + 30) : 0};
}

Result<QueryHeader, ParseError> parse_query(std::span<const std::byte> bytes) {
  if (bytes.size() < kQueryBytes) return failure(ParseError::kTooShort);
  const std::byte* at = bytes.data();
  const auto count = load_big_endian<std::uint16_t>(at + 28);
  if (count > kNamesPerPacket) return failure(ParseError::kTooManyNames);
  return QueryHeader{read_common(at), count, read_names(at)};
}

Result<StatusHeader, ParseError> parse_status(std::span<const std::byte> bytes) {
  if (bytes.size() < kStatusBytes) return failure(ParseError::kTooShort);
  const std::byte* at = bytes.data();
  const auto count = static_cast<std::uint8_t>(at[28]);
  if (count > kNamesPerPacket) return failure(ParseError::kTooManyNames);
  return StatusHeader{read_common(at), count, static_cast<std::uint8_t>(at[29]), read_names(at)};
}

Result<ChallengeHeader, ParseError> parse_challenge(std::span<const std::byte> bytes) {
  if (bytes.size() < kChallengeBytes) return failure(ParseError::kTooShort);
  const std::byte* at = bytes.data();
  return ChallengeHeader{read_common(at), load_big_endian<std::uint64_t>(at + 28)};
}

Result<AnswerHeader, ParseError> parse_answer(std::span<const std::byte> bytes) {
  if (bytes.size() < kAnswerBytes) return failure(ParseError::kTooShort);
  const std::byte* at = bytes.data();
  return AnswerHeader{read_common(at), load_big_endian<std::uint64_t>(at + 28)};
}

Result<Header, ParseError> parse(std::span<const std::byte> bytes) {
  const auto wrap = [](auto&& parsed) -> Result<Header, ParseError> {
    if (!parsed) return failure(parsed.error());
    return Header(*parsed);
  };
  const auto common = parse_common(bytes);
  if (!common) return failure(common.error());
  switch (common->type) {
    case PacketType::kData: return wrap(parse_data(bytes));
    case PacketType::kGrant: return wrap(parse_grant(bytes));
    case PacketType::kResend: return wrap(parse_resend(bytes));
    case PacketType::kUnknown: return Header(UnknownHeader{*common});
    case PacketType::kBusy: return Header(BusyHeader{*common});
    case PacketType::kCutoffs: return wrap(parse_cutoffs(bytes));
    case PacketType::kFreeze: return Header(FreezeHeader{*common});
    case PacketType::kNeedAck: return Header(NeedAckHeader{*common});
    case PacketType::kAck: return wrap(parse_ack(bytes));
    case PacketType::kError: return wrap(parse_error(bytes));
    case PacketType::kQuery: return wrap(parse_query(bytes));
    case PacketType::kStatus: return wrap(parse_status(bytes));
    case PacketType::kChallenge: return wrap(parse_challenge(bytes));
    case PacketType::kAnswer: return wrap(parse_answer(bytes));
  }
  return failure(ParseError::kUnknownType);
}

std::size_t encode(const GrantHeader& h, HeaderBuffer& out) {
  write_common(h.common, PacketType::kGrant, out.data());
  store_big_endian(out.data() + 28, h.offset);
  out[32] = std::byte{h.priority};
  return kGrantBytes;
}

std::size_t encode(const ResendHeader& h, HeaderBuffer& out) {
  write_common(h.common, PacketType::kResend, out.data());
  store_big_endian(out.data() + 28, h.offset);
  store_big_endian(out.data() + 32, h.length);
  out[36] = std::byte{h.priority};
  return kResendBytes;
}

std::size_t encode(const CutoffsHeader& h, HeaderBuffer& out) {
  write_common(h.common, PacketType::kCutoffs, out.data());
  for (std::size_t i = 0; i < h.cutoffs.size(); ++i) {
    store_big_endian(out.data() + 28 + 4 * i, h.cutoffs[i]);
  }
  store_big_endian(out.data() + 60, h.version);
  return kCutoffsBytes;
}

std::size_t encode(const AckHeader& h, HeaderBuffer& out) {
  write_common(h.common, PacketType::kAck, out.data());
  store_big_endian(out.data() + 28, h.count);
  write_names(h.acks, out.data());
  return kAckBytes;
}

std::size_t encode(const ErrorHeader& h, HeaderBuffer& out) {
  write_common(h.common, PacketType::kError, out.data());
  out[28] = std::byte{h.code};
  out[29] = std::byte{h.executed};
  if (h.limit == 0) return kErrorBytes;
  store_big_endian(out.data() + 30, h.limit);
  return kErrorWithLimitBytes;
}

std::size_t encode(const QueryHeader& h, HeaderBuffer& out) {
  write_common(h.common, PacketType::kQuery, out.data());
  store_big_endian(out.data() + 28, h.count);
  write_names(h.rpcs, out.data());
  return kQueryBytes;
}

std::size_t encode(const StatusHeader& h, HeaderBuffer& out) {
  write_common(h.common, PacketType::kStatus, out.data());
  out[28] = std::byte{h.count};
  out[29] = std::byte{h.known};
  write_names(h.rpcs, out.data());
  return kStatusBytes;
}

std::size_t encode(const ChallengeHeader& h, HeaderBuffer& out) {
  write_common(h.common, PacketType::kChallenge, out.data());
  store_big_endian(out.data() + 28, h.nonce);
  return kChallengeBytes;
}

std::size_t encode(const AnswerHeader& h, HeaderBuffer& out) {
  write_common(h.common, PacketType::kAnswer, out.data());
  store_big_endian(out.data() + 28, h.nonce);
  return kAnswerBytes;
}

std::size_t encode(const UnknownHeader& h, HeaderBuffer& out) {
  return encode_bare(h, PacketType::kUnknown, out);
}
std::size_t encode(const BusyHeader& h, HeaderBuffer& out) {
  return encode_bare(h, PacketType::kBusy, out);
}
std::size_t encode(const FreezeHeader& h, HeaderBuffer& out) {
  return encode_bare(h, PacketType::kFreeze, out);
}
std::size_t encode(const NeedAckHeader& h, HeaderBuffer& out) {
  return encode_bare(h, PacketType::kNeedAck, out);
}

std::string_view to_string(PacketType type) {
  switch (type) {
    case PacketType::kData: return "DATA";
    case PacketType::kGrant: return "GRANT";
    case PacketType::kResend: return "RESEND";
    case PacketType::kUnknown: return "UNKNOWN";
    case PacketType::kBusy: return "BUSY";
    case PacketType::kCutoffs: return "CUTOFFS";
    case PacketType::kFreeze: return "FREEZE";
    case PacketType::kNeedAck: return "NEED_ACK";
    case PacketType::kAck: return "ACK";
    case PacketType::kError: return "ERROR";
    case PacketType::kQuery: return "QUERY";
    case PacketType::kStatus: return "STATUS";
    case PacketType::kChallenge: return "CHALLENGE";
    case PacketType::kAnswer: return "ANSWER";
  }
  return "?";
}

std::string_view to_string(ParseError error) {
  switch (error) {
    case ParseError::kTooShort: return "shorter than its type's minimum";
    case ParseError::kUnknownType: return "unknown packet type";
    case ParseError::kZeroLength: return "message length 0";
    case ParseError::kBeyondMessage: return "bytes beyond the message";
    case ParseError::kEmptyData: return "DATA without payload";
    case ParseError::kTooManyNames: return "more RPCs than fit";
  }
  return "?";
}

}  // namespace homa::wire
