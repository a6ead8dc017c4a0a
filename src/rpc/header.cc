#include "rpc/header.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include "base/bytes.h"

namespace homa::rpc {
namespace {

using base::load_big_endian;
using base::store_big_endian;

constexpr std::size_t kPairBytes = 3;        // length of the key, of the value
constexpr std::uint8_t kNotExecuted = 0x80;  // beside the status code
constexpr std::uint8_t kEndOfStream = 0x40;

std::string_view text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

void put(std::byte*& at, std::string_view text) {
  if (!text.empty()) std::memcpy(at, text.data(), text.size());
  at += text.size();
}

// Calls add(key, value) for each pair. False: the bytes end in the middle of one.
template <typename Add>
bool for_each_pair(std::span<const std::byte> encoded, Add add) {
  while (!encoded.empty()) {
    if (encoded.size() < kPairBytes) return false;
    const auto key_bytes = load_big_endian<std::uint8_t>(encoded.data());
    const auto value_bytes = load_big_endian<std::uint16_t>(encoded.data() + 1);
    encoded = encoded.subspan(kPairBytes);
    if (key_bytes == 0 || encoded.size() < std::size_t{key_bytes} + value_bytes) return false;
    add(text_of(encoded.first(key_bytes)), text_of(encoded.subspan(key_bytes, value_bytes)));
    encoded = encoded.subspan(std::size_t{key_bytes} + value_bytes);
  }
  return true;
}

bool is_well_formed(std::span<const std::byte> metadata) {
  return for_each_pair(metadata, [](std::string_view, std::string_view) {});
}

void put_metadata(std::byte*& at, const Metadata& metadata) {
  for (const auto& [key, value] : metadata.entries()) {
    store_big_endian(at, static_cast<std::uint8_t>(key.size()));
    store_big_endian(at + 1, static_cast<std::uint16_t>(value.size()));
    at += kPairBytes;
    put(at, key);
    put(at, value);
  }
}

std::size_t fixed_bytes(Kind kind) {
  return kind == Kind::kUnary ? kRequestHeaderBytes : kStreamHeaderBytes;
}

std::string_view fitting(const std::string& text) {
  return std::string_view(text).substr(0, kFieldBytesMax);
}

}  // namespace

std::string_view to_string(ParseError error) {
  switch (error) {
    case ParseError::kTooShort: return "too short";
    case ParseError::kVersion: return "of an unknown version";
    case ParseError::kKind: return "of an unknown kind";
    case ParseError::kStatus: return "with an unknown status code";
    case ParseError::kMetadata: return "with malformed metadata";
  }
  return "malformed";
}

Result<RequestHeader, ParseError> parse_request(std::span<const std::byte> bytes) {
  if (bytes.size() < kRequestHeaderBytes) return Unexpected(ParseError::kTooShort);
  const std::byte* const at = bytes.data();
  if (load_big_endian<std::uint8_t>(at) != kHeaderVersion) return Unexpected(ParseError::kVersion);
  const auto kind = load_big_endian<std::uint8_t>(at + 1);
  if (kind > static_cast<std::uint8_t>(Kind::kPull)) return Unexpected(ParseError::kKind);
  const std::size_t metadata_bytes = load_big_endian<std::uint16_t>(at + 2);
  RequestHeader header;
  header.kind = static_cast<Kind>(kind);
  header.timeout = std::chrono::microseconds(load_big_endian<std::uint32_t>(at + 4));
  header.method = load_big_endian<std::uint64_t>(at + 8);
  const std::size_t fixed = fixed_bytes(header.kind);
  if (bytes.size() < fixed + metadata_bytes) return Unexpected(ParseError::kTooShort);
  if (header.kind != Kind::kUnary) {
    header.stream = load_big_endian<std::uint64_t>(at + 16);
    header.sequence = load_big_endian<std::uint32_t>(at + 24);
  }
  header.metadata = bytes.subspan(fixed, metadata_bytes);
  header.body = bytes.subspan(fixed + metadata_bytes);
  if (!is_well_formed(header.metadata)) return Unexpected(ParseError::kMetadata);
  return header;
}

Result<ResponseHeader, ParseError> parse_response(std::span<const std::byte> bytes) {
  if (bytes.size() < kResponseHeaderBytes) return Unexpected(ParseError::kTooShort);
  const std::byte* const at = bytes.data();
  if (load_big_endian<std::uint8_t>(at) != kHeaderVersion) return Unexpected(ParseError::kVersion);
  const auto code_and_flag = load_big_endian<std::uint8_t>(at + 1);
  const std::uint8_t code = code_and_flag & (kEndOfStream - 1);
  if (code > static_cast<std::uint8_t>(StatusCode::kUnauthenticated)) {
    return Unexpected(ParseError::kStatus);
  }
  const std::size_t metadata_bytes = load_big_endian<std::uint16_t>(at + 2);
  const std::size_t message_bytes = load_big_endian<std::uint16_t>(at + 4);
  const std::size_t details_bytes = load_big_endian<std::uint16_t>(at + 6);
  bytes = bytes.subspan(kResponseHeaderBytes);
  if (bytes.size() < metadata_bytes + message_bytes + details_bytes) {
    return Unexpected(ParseError::kTooShort);
  }
  ResponseHeader header;
  header.code = static_cast<StatusCode>(code);
  header.executed = (code_and_flag & kNotExecuted) == 0;
  header.end_of_stream = (code_and_flag & kEndOfStream) != 0;
  header.metadata = bytes.first(metadata_bytes);
  header.message = text_of(bytes.subspan(metadata_bytes, message_bytes));
  header.details = text_of(bytes.subspan(metadata_bytes + message_bytes, details_bytes));
  header.body = bytes.subspan(metadata_bytes + message_bytes + details_bytes);
  if (!is_well_formed(header.metadata)) return Unexpected(ParseError::kMetadata);
  return header;
}

std::size_t request_bytes(Kind kind, const Metadata& metadata) {
  return fixed_bytes(kind) + metadata.encoded_bytes();
}

std::size_t write_request(std::span<std::byte> to, const RequestHeader& header,
                          const Metadata& metadata) {
  std::byte* at = to.data();
  // A time that the field does not hold is as good as none.
  const auto most = std::numeric_limits<std::uint32_t>::max();
  const auto time = header.timeout.count() > most ? 0 : header.timeout.count();
  store_big_endian(at, kHeaderVersion);
  store_big_endian(at + 1, static_cast<std::uint8_t>(header.kind));
  store_big_endian(at + 2, static_cast<std::uint16_t>(metadata.encoded_bytes()));
  store_big_endian(at + 4, static_cast<std::uint32_t>(time));
  store_big_endian(at + 8, header.method);
  if (header.kind != Kind::kUnary) {
    store_big_endian(at + 16, header.stream);
    store_big_endian(at + 24, header.sequence);
  }
  at += fixed_bytes(header.kind);
  put_metadata(at, metadata);
  return static_cast<std::size_t>(at - to.data());
}

std::size_t response_bytes(const Status& status, const Metadata& metadata) {
  return kResponseHeaderBytes + metadata.encoded_bytes() + fitting(status.message()).size() +
         fitting(status.details()).size();
}

std::size_t write_response(std::span<std::byte> to, const Status& status, const Metadata& metadata,
                           bool end_of_stream) {
  std::byte* at = to.data();
  const std::string_view message = fitting(status.message()), details = fitting(status.details());
  store_big_endian(at, kHeaderVersion);
  unsigned code = static_cast<unsigned>(status.code());
  if (status.executed() == Executed::kNo) code |= kNotExecuted;
  if (end_of_stream) code |= kEndOfStream;
  store_big_endian(at + 1, static_cast<std::uint8_t>(code));
  store_big_endian(at + 2, static_cast<std::uint16_t>(metadata.encoded_bytes()));
  store_big_endian(at + 4, static_cast<std::uint16_t>(message.size()));
  store_big_endian(at + 6, static_cast<std::uint16_t>(details.size()));
  at += kResponseHeaderBytes;
  put_metadata(at, metadata);
  put(at, message);
  put(at, details);
  return static_cast<std::size_t>(at - to.data());
}

Metadata decode_metadata(std::span<const std::byte> encoded) {
  Metadata metadata;
  static_cast<void>(for_each_pair(
      encoded, [&](std::string_view key, std::string_view value) { metadata.add(key, value); }));
  return metadata;
}

// --- Metadata ---

bool Metadata::add(std::string_view key, std::string_view value) {
  constexpr std::size_t kKeyBytesMax = 255;
  if (key.empty() || key.size() > kKeyBytesMax || value.size() > kFieldBytesMax) return false;
  const std::size_t bytes = kPairBytes + key.size() + value.size();
  if (encoded_bytes_ + bytes > kFieldBytesMax) return false;
  entries_.emplace_back(key, value);
  encoded_bytes_ += bytes;
  return true;
}

const std::string* Metadata::find(std::string_view key) const {
  const auto found = std::find_if(entries_.begin(), entries_.end(),
                                  [&](const auto& entry) { return entry.first == key; });
  return found == entries_.end() ? nullptr : &found->second;
}

void Metadata::clear() {
  entries_.clear();
  encoded_bytes_ = 0;
}

}  // namespace homa::rpc
