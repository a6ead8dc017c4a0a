// What stands in front of the message in each request and response (docs/rpc.md#on-the-wire). The
// parsers take any bytes.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "homa/result.h"
#include "homa/rpc/metadata.h"
#include "homa/rpc/status.h"

namespace homa::rpc {

inline constexpr std::uint8_t kHeaderVersion = 1;
inline constexpr std::size_t kRequestHeaderBytes = 16;
inline constexpr std::size_t kStreamHeaderBytes = 28;  // of requests that belong to a stream
inline constexpr std::size_t kResponseHeaderBytes = 8;
inline constexpr std::size_t kFieldBytesMax = 65'535;  // of metadata, message and details, each

enum class ParseError : std::uint8_t {
  kTooShort = 0,  // it ends within the header, or within what the header announces
  kVersion = 1,   // of a version that we do not know
  kKind = 2,      // of a kind that we do not know
  kStatus = 3,    // no status code
  kMetadata = 4,  // metadata that end in the middle of a pair
};
std::string_view to_string(ParseError error);

// Of a request. All but the first belong to a stream (docs/rpc.md#streams).
enum class Kind : std::uint8_t {
  kUnary = 0,
  kOpen = 1,        // begins a stream
  kWrite = 2,       // the client's message number `sequence`; answered when it was read
  kWritesDone = 3,  // `sequence` messages were all; answered like a message
  kPull = 4,        // answered with the server's message number `sequence`, or the stream's end
};

struct RequestHeader {
  Kind kind = Kind::kUnary;
  std::uint64_t method = 0;
  std::chrono::microseconds timeout{0};  // that the caller still waits; 0: for ever
  std::uint64_t stream = 0;              // the client's random number; not of a unary call
  std::uint32_t sequence = 0;
  std::span<const std::byte> metadata;  // encoded, and well-formed
  std::span<const std::byte> body;
};

struct ResponseHeader {
  StatusCode code = StatusCode::kOk;
  bool executed = true;                 // the handler ran
  bool end_of_stream = false;           // there is no message, and the status is the stream's
  std::span<const std::byte> metadata;  // encoded, and well-formed
  std::string_view message, details;
  std::span<const std::byte> body;
};

Result<RequestHeader, ParseError> parse_request(std::span<const std::byte> bytes);
Result<ResponseHeader, ParseError> parse_response(std::span<const std::byte> bytes);

// Everything in front of the body. `to` has at least request_bytes() of room, or response_bytes();
// the results are how much of it was written. Of a header to be written, metadata and body do not
// count. Of a status's message and details, as much is written as fits the fields.
std::size_t request_bytes(Kind kind, const Metadata& metadata);
std::size_t write_request(std::span<std::byte> to, const RequestHeader& header,
                          const Metadata& metadata);
std::size_t response_bytes(const Status& status, const Metadata& metadata);
std::size_t write_response(std::span<std::byte> to, const Status& status, const Metadata& metadata,
                           bool end_of_stream = false);

// Of bytes that a header had as its metadata.
Metadata decode_metadata(std::span<const std::byte> encoded);

}  // namespace homa::rpc
