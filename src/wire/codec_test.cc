#include "wire/codec.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <limits>
#include <ostream>
#include <string>
#include <type_traits>
#include <vector>

#include "support/hex.h"

namespace homa::wire {

// How GoogleTest shows a reason.
static void PrintTo(ParseError error, std::ostream* out) { *out << to_string(error); }

namespace {

using test::from_hex;
using test::to_hex;

// Bytes 8 to 10, the low byte of the window, and the sequence. A DATA packet's sequence counts from
// there.
constexpr Identity kIdentity{0xa1b2c3'22'01020304};
constexpr Identity kIdentityOfData{0xa1b2c3'22'010202f4};  // its payload begins at 16

// Every field of the common header has its own bytes, so that a mix-up of two cannot pass.

std::vector<std::byte> packet(PacketType type, std::string_view rest = {}) {
  auto bytes = from_hex(
      "8001 0fa0"             // source port 32769, destination port 4000
      "01020304"              // sequence
      "a1b2c3 00"             // identity, its first three bytes, and type
      "50 06 1122 3344 b97d"  // data offset, flags, window, checksum, urgent
      "1011121314151617");    // sender id
  bytes[11] = static_cast<std::byte>(type);
  const auto more = from_hex(rest);
  bytes.insert(bytes.end(), more.begin(), more.end());
  return bytes;
}

CommonHeader common(PacketType type) {
  CommonHeader header;
  header.source_port = Port{32769};
  header.destination_port = Port{4000};
  header.sequence = 0x01020304;
  header.identity = kIdentity;
  header.type = type;
  header.window = 0x1122;
  header.checksum = 0x3344;
  header.sender_id = WireId{0x1011121314151617};
  return header;
}

void expect_common(const CommonHeader& header, PacketType type) {
  EXPECT_EQ(raw(header.source_port), 32769);
  EXPECT_EQ(raw(header.destination_port), 4000);
  EXPECT_EQ(header.sequence, 0x01020304U);
  EXPECT_EQ(header.identity, type == PacketType::kData ? kIdentityOfData : kIdentity);
  EXPECT_EQ(header.type, type);
  EXPECT_EQ(header.data_offset, 0x50);
  EXPECT_EQ(header.flags, 6);
  EXPECT_EQ(header.window, 0x1122);
  EXPECT_EQ(header.checksum, 0x3344);
  EXPECT_EQ(header.urgent, 0xb97d);
  EXPECT_EQ(raw(header.sender_id), 0x1011121314151617U);
}

template <typename H>
std::string encoded(const H& header) {
  HeaderBuffer buffer;
  buffer.fill(std::byte{0xee});  // so that a byte that is not written shows
  return to_hex(std::span(buffer).first(encode(header, buffer)));
}

template <typename H>
H parsed(const std::vector<std::byte>& bytes) {
  const auto header = parse(bytes);
  if (!header) {
    ADD_FAILURE() << to_string(header.error());
    return H{};
  }
  const H* as = std::get_if<H>(&*header);
  if (as == nullptr) {
    ADD_FAILURE() << "another type: index " << header->index();
    return H{};
  }
  return *as;
}

ParseError reason(std::span<const std::byte> bytes) {
  const auto header = parse(bytes);
  if (header) {
    ADD_FAILURE() << "it parses";
    return ParseError{255};
  }
  return header.error();
}

constexpr std::string_view kDataFields =
    "00000064"               // message length 100
    "00000032"               // incoming 50
    "2021222324252627 0fa1"  // ack: client id, server port 4001
    "0102"                   // cutoff version
    "01 00abcd"              // retransmit, response unscheduled limit
    "00000010";              // segment offset 16

std::vector<std::byte> data_packet(std::size_t payload_bytes) {
  auto bytes = packet(PacketType::kData, kDataFields);
  bytes.resize(bytes.size() + payload_bytes, std::byte{0x77});
  return bytes;
}

TEST(Data, EveryFieldIsReadFromItsBytes) {
  const auto bytes = data_packet(3);
  const auto header = parsed<DataHeader>(bytes);
  expect_common(header.common, PacketType::kData);
  EXPECT_EQ(header.message_length, 100U);
  EXPECT_EQ(header.incoming, 50U);
  EXPECT_EQ(raw(header.ack.client_id), 0x2021222324252627U);
  EXPECT_EQ(raw(header.ack.server_port), 4001);
  EXPECT_EQ(header.cutoff_version, 0x0102);
  EXPECT_EQ(header.retransmit, 1);
  EXPECT_EQ(header.response_unscheduled_limit, 0xabcdU);
  EXPECT_EQ(header.segment_offset, 16U);
  EXPECT_EQ(header.offset(), 16U);
  ASSERT_EQ(header.payload.size(), 3U);
  EXPECT_EQ(header.payload.data(), bytes.data() + 56);
}

TEST(Data, EveryFieldIsWrittenToItsBytes) {
  DataHeader header;
  header.common = common(PacketType::kBusy);  // the encoder sets the type, whatever was there
  header.message_length = 100;
  header.incoming = 50;
  header.ack = {WireId{0x2021222324252627}, Port{4001}};
  header.cutoff_version = 0x0102;
  header.retransmit = 1;
  header.response_unscheduled_limit = 0xabcd;
  header.segment_offset = 16;
  header.common.identity = kIdentityOfData;
  EXPECT_EQ(encoded(header), to_hex(packet(PacketType::kData, kDataFields)));
}

TEST(Data, AbsentSegmentOffsetMeansSequence) {
  DataHeader header;
  header.common.sequence = 1424;
  header.segment_offset = 7;
  EXPECT_EQ(header.offset(), 7U);
  header.segment_offset = kExplicitOffsetAbsent;
  EXPECT_EQ(header.offset(), 1424U);
}

TEST(Data, ResponseLimitBeyond24BitsIsSentAsTheLargestThatFits) {
  DataHeader header;
  header.retransmit = 1;
  header.response_unscheduled_limit = std::numeric_limits<std::uint32_t>::max();
  HeaderBuffer buffer;
  encode(header, buffer);
  EXPECT_EQ(to_hex(std::span(buffer).subspan(48, 4)), "01 ff ff ff");
}

TEST(Data, TakesPayloadUpToTheMessagesLastByteAndNotOneMore) {
  EXPECT_TRUE(parse(data_packet(84)));  // offset 16 of 100
  EXPECT_EQ(reason(data_packet(85)), ParseError::kBeyondMessage);
}

TEST(Data, OffsetAtOrPastTheEndIsBeyondTheMessage) {
  auto bytes = data_packet(1);
  bytes[55] = std::byte{99};
  EXPECT_TRUE(parse(bytes));
  bytes[55] = std::byte{100};
  EXPECT_EQ(reason(bytes), ParseError::kBeyondMessage);
  for (std::size_t i = 52; i < 56; ++i) bytes[i] = std::byte{0xff};  // falls back to the sequence,
  EXPECT_EQ(reason(bytes), ParseError::kBeyondMessage);              // 0x01020304
  bytes[52] = std::byte{0xfe};  // near the top of 32 bits: no sum may wrap round
  EXPECT_EQ(reason(bytes), ParseError::kBeyondMessage);
}

TEST(Data, LongestMessageOf32BitsIsUnderstood) {
  auto bytes = data_packet(1);
  for (std::size_t i = 28; i < 32; ++i) bytes[i] = std::byte{0xff};
  for (std::size_t i = 52; i < 55; ++i) bytes[i] = std::byte{0xff};
  bytes[55] = std::byte{0xfe};
  EXPECT_EQ(parsed<DataHeader>(bytes).offset(), 0xfffffffeU);
}

TEST(Data, EmptyMessageAndEmptyPayloadHaveReasonsOfTheirOwn) {
  auto bytes = data_packet(1);
  bytes[31] = std::byte{0};
  EXPECT_EQ(reason(bytes), ParseError::kZeroLength);
  EXPECT_EQ(reason(data_packet(0)), ParseError::kEmptyData);
}

TEST(Grant, Layout) {
  const auto bytes = packet(PacketType::kGrant, "00012345 05");
  const auto header = parsed<GrantHeader>(bytes);
  expect_common(header.common, PacketType::kGrant);
  EXPECT_EQ(header.offset, 0x12345U);
  EXPECT_EQ(header.priority, 5);
  EXPECT_EQ(encoded(GrantHeader{common(PacketType::kData), 0x12345, 5}), to_hex(bytes));
}

TEST(Resend, Layout) {
  const auto bytes = packet(PacketType::kResend, "00012345 ffffffff 07");
  const auto header = parsed<ResendHeader>(bytes);
  expect_common(header.common, PacketType::kResend);
  EXPECT_EQ(header.offset, 0x12345U);
  EXPECT_EQ(header.length, kEverythingSent);
  EXPECT_EQ(header.priority, 7);
  EXPECT_EQ(encoded(ResendHeader{common(PacketType::kData), 0x12345, kEverythingSent, 7}),
            to_hex(bytes));
}

TEST(Cutoffs, Layout) {
  const auto bytes = packet(PacketType::kCutoffs,
                            "00000000 00000001 00000002 00000003"
                            "000f4240 00003a98 00000af0 000000c8 0203");
  const auto header = parsed<CutoffsHeader>(bytes);
  expect_common(header.common, PacketType::kCutoffs);
  const std::array<std::uint32_t, 8> cutoffs = {0, 1, 2, 3, 1'000'000, 15'000, 2'800, 200};
  EXPECT_EQ(header.cutoffs, cutoffs);
  EXPECT_EQ(header.version, 0x0203);
  EXPECT_EQ(encoded(CutoffsHeader{common(PacketType::kData), cutoffs, 0x0203}), to_hex(bytes));
}

constexpr std::string_view kFiveAcks =
    "0000000000000010 0fa0 0000000000000012 0fa1 0000000000000014 0fa2"
    "0000000000000016 0fa3 0000000000000018 0fa4";

TEST(AckPacket, Layout) {
  const auto bytes = packet(PacketType::kAck, "0003" + std::string(kFiveAcks));
  const auto header = parsed<AckHeader>(bytes);
  expect_common(header.common, PacketType::kAck);
  EXPECT_EQ(header.count, 3);
  for (std::uint16_t i = 0; i < 5; ++i) {
    EXPECT_EQ(raw(header.acks[i].client_id), 0x10U + 2U * i);
    EXPECT_EQ(raw(header.acks[i].server_port), 4000 + i);
  }
  AckHeader out = header;
  out.common = common(PacketType::kData);
  EXPECT_EQ(encoded(out), to_hex(bytes));
}

TEST(AckPacket, CountAboveFiveIsRefused) {
  EXPECT_TRUE(parse(packet(PacketType::kAck, "0005" + std::string(kFiveAcks))));
  EXPECT_EQ(reason(packet(PacketType::kAck, "0006" + std::string(kFiveAcks))),
            ParseError::kTooManyNames);
  EXPECT_EQ(reason(packet(PacketType::kAck, "ffff" + std::string(kFiveAcks))),
            ParseError::kTooManyNames);
}

TEST(ErrorPacket, Layout) {
  const auto bytes = packet(PacketType::kError, "0601");
  const auto header = parsed<ErrorHeader>(bytes);
  expect_common(header.common, PacketType::kError);
  EXPECT_EQ(header.code, 6);
  EXPECT_EQ(header.executed, 1);
  EXPECT_EQ(encoded(ErrorHeader{common(PacketType::kData), 6, 1}), to_hex(bytes));
}

constexpr std::string_view kFiveNames =
    "0000000000000002 0fa0 0000000000000004 0fa0 1122334455667788 1234"
    "0000000000000000 0000 0000000000000000 0000";

TEST(QueryPacket, Layout) {
  const auto bytes = packet(PacketType::kQuery, "0003" + std::string(kFiveNames));
  EXPECT_EQ(bytes.size(), kQueryBytes);
  const auto header = parsed<QueryHeader>(bytes);
  expect_common(header.common, PacketType::kQuery);
  EXPECT_EQ(header.count, 3);
  EXPECT_EQ(header.rpcs[0].client_id, WireId{2});
  EXPECT_EQ(header.rpcs[2].client_id, WireId{0x1122334455667788});
  EXPECT_EQ(header.rpcs[2].server_port, Port{0x1234});
  EXPECT_EQ(encoded(header), to_hex(bytes));
}

TEST(StatusPacket, Layout) {
  const auto bytes = packet(PacketType::kStatus, "03 0b" + std::string(kFiveNames));
  EXPECT_EQ(bytes.size(), kStatusBytes);
  const auto header = parsed<StatusHeader>(bytes);
  expect_common(header.common, PacketType::kStatus);
  EXPECT_EQ(header.count, 3);
  EXPECT_EQ(header.known, 0x0b);
  EXPECT_EQ(header.rpcs[1].client_id, WireId{4});
  EXPECT_EQ(header.rpcs[1].server_port, Port{4000});
  EXPECT_EQ(encoded(header), to_hex(bytes));
}

TEST(QueryAndStatusPackets, CountAboveFiveIsRefused) {
  const std::string names(kFiveNames);
  EXPECT_TRUE(parse(packet(PacketType::kQuery, "0005" + names)));
  EXPECT_EQ(reason(packet(PacketType::kQuery, "0006" + names)), ParseError::kTooManyNames);
  EXPECT_EQ(reason(packet(PacketType::kQuery, "0100" + names)), ParseError::kTooManyNames);
  EXPECT_TRUE(parse(packet(PacketType::kStatus, "05 ff" + names)));
  EXPECT_EQ(reason(packet(PacketType::kStatus, "06 00" + names)), ParseError::kTooManyNames);
}

TEST(ChallengeAndAnswerPackets, Layout) {
  const auto challenge = packet(PacketType::kChallenge, "0123456789abcdef");
  EXPECT_EQ(challenge.size(), kChallengeBytes);
  const auto asked = parsed<ChallengeHeader>(challenge);
  expect_common(asked.common, PacketType::kChallenge);
  EXPECT_EQ(asked.nonce, 0x0123456789abcdef);
  EXPECT_EQ(encoded(asked), to_hex(challenge));

  const auto answer = packet(PacketType::kAnswer, "0123456789abcdef");
  EXPECT_EQ(answer.size(), kAnswerBytes);
  const auto answered = parsed<AnswerHeader>(answer);
  expect_common(answered.common, PacketType::kAnswer);
  EXPECT_EQ(answered.nonce, 0x0123456789abcdef);
  EXPECT_EQ(encoded(answered), to_hex(answer));
}

template <typename H>
class BareHeader : public testing::Test {};

struct Unknown : UnknownHeader {
  static constexpr PacketType kType = PacketType::kUnknown;
  using Base = UnknownHeader;
};
struct Busy : BusyHeader {
  static constexpr PacketType kType = PacketType::kBusy;
  using Base = BusyHeader;
};
struct Freeze : FreezeHeader {
  static constexpr PacketType kType = PacketType::kFreeze;
  using Base = FreezeHeader;
};
struct NeedAck : NeedAckHeader {
  static constexpr PacketType kType = PacketType::kNeedAck;
  using Base = NeedAckHeader;
};
using BareHeaders = testing::Types<Unknown, Busy, Freeze, NeedAck>;
TYPED_TEST_SUITE(BareHeader, BareHeaders);

TYPED_TEST(BareHeader, IsTheCommonHeaderAlone) {
  using H = typename TypeParam::Base;
  const auto bytes = packet(TypeParam::kType);
  expect_common(parsed<H>(bytes).common, TypeParam::kType);
  EXPECT_EQ(encoded(H{common(PacketType::kData)}), to_hex(bytes));
}

struct Minimum {
  PacketType type;
  std::size_t bytes;
};
constexpr Minimum kMinima[] = {
    {PacketType::kGrant, 33},   {PacketType::kResend, 37},  {PacketType::kUnknown, 28},
    {PacketType::kBusy, 28},    {PacketType::kCutoffs, 62}, {PacketType::kFreeze, 28},
    {PacketType::kNeedAck, 28}, {PacketType::kAck, 80},     {PacketType::kError, 30},
    {PacketType::kQuery, 80},   {PacketType::kStatus, 80},  {PacketType::kChallenge, 36},
    {PacketType::kAnswer, 36},
};

TEST(Parse, EveryTypeHasItsMinimumLength) {
  for (const auto& [type, minimum] : kMinima) {
    auto bytes = packet(type);
    bytes.resize(minimum);
    EXPECT_TRUE(parse(bytes)) << to_string(type);
    for (std::size_t size = 0; size < minimum; ++size) {
      EXPECT_EQ(reason(std::span(bytes).first(size)), ParseError::kTooShort)
          << to_string(type) << " of " << size;
    }
  }
  const auto data = data_packet(1);
  EXPECT_TRUE(parse(data));
  for (std::size_t size = 0; size < kDataHeaderBytes; ++size) {
    EXPECT_EQ(reason(std::span(data).first(size)), ParseError::kTooShort) << "DATA of " << size;
  }
}

TEST(Parse, ControlPacketsMayHaveBytesBehindThem) {
  for (const auto& [type, minimum] : kMinima) {
    auto bytes = packet(type);
    bytes.resize(minimum + 40);
    EXPECT_TRUE(parse(bytes)) << to_string(type);
  }
}

TEST(Parse, EveryOtherTypeIsUnknown) {
  for (unsigned type = 0; type < 256; ++type) {
    if ((type >= 0x10 && type <= 0x18) || (type >= 0x20 && type <= 0x24)) continue;
    auto bytes = packet(static_cast<PacketType>(type));
    bytes.resize(100);
    EXPECT_EQ(reason(bytes), ParseError::kUnknownType) << type;
  }
}

TEST(Parse, ReceiverIgnoresFlagsUrgentWindowDataOffsetAndChecksum) {
  auto bytes = packet(PacketType::kGrant, "00012345 05");
  for (std::size_t i = 12; i < 20; ++i) bytes[i] ^= std::byte{0xff};
  const auto header = parsed<GrantHeader>(bytes);
  EXPECT_EQ(header.offset, 0x12345U);
  EXPECT_EQ(encoded(header), to_hex(bytes));  // but keeps them
}

TEST(CommonHeaderDefaults, AreWhatTcpNeverSends) {
  HeaderBuffer buffer;
  encode(BusyHeader{}, buffer);
  EXPECT_EQ(to_hex(std::span(buffer).first(20)),
            "00 00 00 00 00 00 00 00 00 00 00 14 50 06 00 00\n00 00 b9 7d");
}

TEST(AnIdentity, TakesTheFieldsThatKernelsIgnore) {
  HeaderBuffer buffer;
  BusyHeader busy;
  busy.common.identity = Identity{0x0102030405060708};
  encode(busy, buffer);
  EXPECT_EQ(to_hex(std::span(buffer).first(20)),
            "00 00 00 00 05 06 07 08 01 02 03 14 50 06 00 04\n00 00 b9 7d");
  EXPECT_EQ(parse_common(buffer)->identity, busy.common.identity);
}

TEST(AnIdentity, IsTheSameWhereverThePayloadOfDataBegins) {
  for (const std::uint32_t offset : {0U, 1'424U, 0xfffffffeU}) {
    DataHeader data;
    data.common.identity = Identity{0x01020304'f0000000};
    data.message_length = 0xffffffff;
    data.segment_offset = offset;
    HeaderBuffer buffer;
    const std::size_t size = encode(data, buffer);
    std::vector<std::byte> bytes(buffer.begin(), buffer.begin() + size);
    bytes.push_back(std::byte{1});
    const auto got = parse_data(bytes);
    ASSERT_TRUE(got) << offset;
    EXPECT_EQ(got->common.identity, data.common.identity) << offset;
    EXPECT_EQ(got->offset(), offset);
    // Of a packet that is quoted in part, the offset is known to who knows the identity.
    const auto quoted = parse_common(bytes);
    EXPECT_TRUE(may_show(*quoted, data.common.identity));
    EXPECT_FALSE(may_show(*quoted, Identity{0x01020305'f0000000}));
    EXPECT_EQ(offset_of(data.common.identity, quoted->sequence), offset);
  }
}

TEST(Data, ItsPayloadMayBeElsewhere) {
  DataHeader data;
  data.message_length = 10;
  HeaderBuffer buffer;
  const auto header = std::span(buffer).first(encode(data, buffer));
  const std::array<std::byte, 11> elsewhere{};
  DataHeader got;
  ASSERT_EQ(parse_data(header, std::span(elsewhere).first(10), got), std::nullopt);
  EXPECT_EQ(got.message_length, 10U);
  EXPECT_EQ(got.payload.data(), elsewhere.data());
  EXPECT_EQ(got.payload_length(), 10U);
  EXPECT_EQ(parse_data(header, elsewhere, got), ParseError::kBeyondMessage);
  EXPECT_EQ(parse_data(header, {}, got), ParseError::kEmptyData);
  EXPECT_EQ(parse_data(header.first(20), elsewhere, got), ParseError::kTooShort);
}

TEST(Words, EveryTypeAndEveryReasonHasItsOwn) {
  std::vector<std::string_view> words;
  for (unsigned type = 0; type < 256; ++type) {
    const auto word = to_string(static_cast<PacketType>(type));
    if (word != "?") words.push_back(word);
  }
  EXPECT_EQ(words.size(), 14U);
  for (std::size_t i = 0; i < kParseErrors; ++i) {
    words.push_back(to_string(static_cast<ParseError>(i)));
    EXPECT_NE(words.back(), "?");
  }
  std::sort(words.begin(), words.end());
  EXPECT_EQ(std::adjacent_find(words.begin(), words.end()), words.end());
}

}  // namespace
}  // namespace homa::wire
