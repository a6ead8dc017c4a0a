#include "rpc/header.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstring>
#include <string>
#include <vector>

namespace homa::rpc {
namespace {

using std::chrono_literals::operator""us;

std::vector<std::byte> request_with(const Metadata& metadata, std::string_view body,
                                    Kind kind = Kind::kUnary) {
  const std::size_t front = request_bytes(kind, metadata);
  std::vector<std::byte> bytes(front + body.size());
  RequestHeader header;
  header.kind = kind;
  header.method = 0x1122334455667788;
  header.timeout = 1'500us;
  header.stream = 0x99aabbccddeeff00;
  header.sequence = 0x01020304;
  EXPECT_EQ(write_request(bytes, header, metadata), front);
  std::memcpy(bytes.data() + front, body.data(), body.size());
  return bytes;
}

std::string text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

TEST(RequestHeader, IsSixteenBytesWithoutMetadata) {
  const auto bytes = request_with({}, "body");
  ASSERT_EQ(bytes.size(), 20U);
  const std::vector<unsigned> expected{1,    0,    0,    0,    0,    0,    0x05, 0xdc,
                                       0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88};
  for (std::size_t i = 0; i < expected.size(); ++i) {
    EXPECT_EQ(static_cast<unsigned>(bytes[i]), expected[i]) << i;
  }
  const auto header = parse_request(bytes);
  ASSERT_TRUE(header);
  EXPECT_EQ(header->method, 0x1122334455667788U);
  EXPECT_EQ(header->timeout, 1'500us);
  EXPECT_EQ(text_of(header->body), "body");
}

TEST(RequestHeader, CarriesMetadataInOrder) {
  Metadata metadata;
  EXPECT_TRUE(metadata.add("user", "anna"));
  EXPECT_TRUE(metadata.add("user", ""));
  EXPECT_TRUE(metadata.add("b", std::string_view("\0\xff", 2)));
  const auto bytes = request_with(metadata, "x");
  const auto header = parse_request(bytes);
  ASSERT_TRUE(header);
  EXPECT_EQ(decode_metadata(header->metadata).entries(), metadata.entries());
  EXPECT_EQ(text_of(header->body), "x");
}

TEST(RequestHeader, OfAStreamHasItsNumberAndPlace) {
  for (const Kind kind : {Kind::kOpen, Kind::kWrite, Kind::kWritesDone, Kind::kPull}) {
    const auto bytes = request_with({}, "body", kind);
    ASSERT_EQ(bytes.size(), 32U);
    const auto header = parse_request(bytes);
    ASSERT_TRUE(header);
    EXPECT_EQ(header->kind, kind);
    EXPECT_EQ(header->stream, 0x99aabbccddeeff00U);
    EXPECT_EQ(header->sequence, 0x01020304U);
    EXPECT_EQ(text_of(header->body), "body");
    for (std::size_t size = 0; size < kStreamHeaderBytes; ++size) {
      EXPECT_EQ(parse_request(std::span(bytes).first(size)).error(), ParseError::kTooShort);
    }
  }
}

TEST(RequestHeader, ATimeBeyondTheFieldIsNone) {
  std::vector<std::byte> bytes(kRequestHeaderBytes);
  RequestHeader header;
  header.timeout = std::chrono::hours(2);
  write_request(bytes, header, {});
  EXPECT_EQ(parse_request(bytes)->timeout, 0us);
}

TEST(RequestHeader, RefusesWhatItCannotBe) {
  Metadata metadata;
  metadata.add("key", "value");
  const auto whole = request_with(metadata, "");
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const auto cut = parse_request(std::span(whole).first(size));
    ASSERT_FALSE(cut) << size;
    EXPECT_EQ(cut.error(), ParseError::kTooShort);
  }
  auto wrong = whole;
  wrong[0] = std::byte{2};
  EXPECT_EQ(parse_request(wrong).error(), ParseError::kVersion);
  wrong = whole;
  wrong[1] = std::byte{77};
  EXPECT_EQ(parse_request(wrong).error(), ParseError::kKind);
  wrong = whole;
  wrong[3] = std::byte{10};  // one byte less than there are
  EXPECT_EQ(parse_request(wrong).error(), ParseError::kMetadata);
  wrong = whole;
  wrong[kRequestHeaderBytes] = std::byte{0};  // an empty key
  EXPECT_EQ(parse_request(wrong).error(), ParseError::kMetadata);
}

TEST(ResponseHeader, CarriesStatusAndWhetherTheHandlerRan) {
  for (const Executed executed : {Executed::kNo, Executed::kYes}) {
    Status status(StatusCode::kNotFound, "no such order", "details");
    status.set_executed(executed);
    Metadata metadata;
    metadata.add("retry-after", "3");
    std::vector<std::byte> bytes(response_bytes(status, metadata));
    EXPECT_EQ(write_response(bytes, status, metadata), bytes.size());
    const auto header = parse_response(bytes);
    ASSERT_TRUE(header);
    EXPECT_EQ(header->code, StatusCode::kNotFound);
    EXPECT_EQ(header->executed, executed == Executed::kYes);
    EXPECT_EQ(header->message, "no such order");
    EXPECT_EQ(header->details, "details");
    EXPECT_EQ(*decode_metadata(header->metadata).find("retry-after"), "3");
    EXPECT_TRUE(header->body.empty());
    for (std::size_t size = 0; size < bytes.size(); ++size) {
      EXPECT_EQ(parse_response(std::span(bytes).first(size)).error(), ParseError::kTooShort);
    }
  }
}

TEST(ResponseHeader, EndsAStream) {
  std::vector<std::byte> bytes(8);
  write_response(bytes, {}, {}, true);
  EXPECT_TRUE(parse_response(bytes)->end_of_stream);
  write_response(bytes, {}, {}, false);
  EXPECT_FALSE(parse_response(bytes)->end_of_stream);
}

TEST(ResponseHeader, IsEightBytesForAnAnswerThatWorked) {
  EXPECT_EQ(response_bytes({}, {}), 8U);
  std::vector<std::byte> bytes(8);
  write_response(bytes, {}, {});
  bytes[1] = std::byte{17};
  EXPECT_EQ(parse_response(bytes).error(), ParseError::kStatus);
  bytes[0] = std::byte{0};
  EXPECT_EQ(parse_response(bytes).error(), ParseError::kVersion);
}

TEST(ResponseHeader, CutsWordsThatAreTooLong) {
  const Status status(StatusCode::kInternal, std::string(100'000, 'm'), std::string(70'000, 'd'));
  std::vector<std::byte> bytes(response_bytes(status, {}));
  ASSERT_EQ(bytes.size(), kResponseHeaderBytes + 2 * kFieldBytesMax);
  EXPECT_EQ(write_response(bytes, status, {}), bytes.size());
  EXPECT_EQ(parse_response(bytes)->message.size(), kFieldBytesMax);
}

TEST(Metadata, StaysWithinItsBounds) {
  Metadata metadata;
  EXPECT_FALSE(metadata.add("", "x"));
  EXPECT_FALSE(metadata.add(std::string(256, 'k'), "x"));
  EXPECT_FALSE(metadata.add("k", std::string(65'536, 'v')));
  EXPECT_TRUE(metadata.empty());
  EXPECT_TRUE(metadata.add("k", std::string(65'531, 'v')));
  EXPECT_EQ(metadata.encoded_bytes(), kFieldBytesMax);
  EXPECT_FALSE(metadata.add("k", ""));
  EXPECT_EQ(metadata.entries().size(), 1U);
  metadata.clear();
  EXPECT_EQ(metadata.find("k"), nullptr);
  EXPECT_TRUE(metadata.add("k", "v"));
}

}  // namespace
}  // namespace homa::rpc
