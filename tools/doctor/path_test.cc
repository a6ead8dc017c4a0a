#include "tools/doctor/path.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "tools/doctor/quoted_packet.h"

namespace homa::tools {
namespace {

using ::testing::HasSubstr;

std::vector<std::byte> bytes(std::initializer_list<int> values) {
  std::vector<std::byte> all;
  for (const int value : values) all.push_back(static_cast<std::byte>(value));
  return all;
}

std::vector<std::byte> ip(int tos, int protocol, std::initializer_list<int> destination) {
  auto all = bytes({0x45, tos, 0, 40, 0, 0, 0, 0, 64, protocol, 0, 0, 10, 0, 0, 1});
  for (const int value : destination) all.push_back(static_cast<std::byte>(value));
  return all;
}

std::vector<std::byte> joined(std::initializer_list<std::vector<std::byte>> parts) {
  std::vector<std::byte> all;
  for (const auto& part : parts) all.insert(all.end(), part.begin(), part.end());
  return all;
}

const std::vector<std::byte> kIcmp = bytes({3, 3, 0, 0, 0, 0, 0, 0});
const std::vector<std::byte> kUdp = bytes({1, 2, 0x82, 0x9a, 0, 9, 0, 0});  // to port 33434

TEST(QuotedPacket, HasTheTrafficClassThatArrived) {
  const auto packet = joined({ip(0, 1, {10, 0, 0, 1}), kIcmp, ip(0xe0, 17, {10, 0, 0, 2}), kUdp});
  const auto quoted = quoted_in_icmp(packet);
  ASSERT_TRUE(quoted);
  EXPECT_EQ(quoted->destination, Address::v4(10, 0, 0, 2).ip);
  EXPECT_EQ(quoted->traffic_class, 0xe0);
  EXPECT_EQ(quoted->udp_port, 33'434);
}

TEST(QuotedPacket, OfIpv6Too) {
  auto inner = bytes({0x6a, 0x00, 0, 0, 0, 9, 17, 64});
  inner.resize(24);
  for (int i = 0; i < 16; ++i) inner.push_back(std::byte{0xfd});
  const auto quoted = quoted_in_icmp6(joined({bytes({1, 4, 0, 0, 0, 0, 0, 0}), inner, kUdp}));
  ASSERT_TRUE(quoted);
  EXPECT_EQ(quoted->traffic_class, 0xa0);
  EXPECT_EQ(quoted->destination[15], 0xfd);
}

TEST(QuotedPacket, WhatIsCutShortOrSomethingElseIsNone) {
  const auto whole = joined({ip(0, 1, {10, 0, 0, 1}), kIcmp, ip(0, 17, {10, 0, 0, 2}), kUdp});
  for (std::size_t length = 0; length < whole.size() - 4; ++length) {
    EXPECT_FALSE(quoted_in_icmp(std::span(whole).first(length))) << length;
    EXPECT_FALSE(quoted_in_icmp6(std::span(whole).first(length))) << length;
  }
  for (const std::size_t changed : {0UL, 20UL, 21UL, 28UL, 37UL}) {  // versions, types, protocol
    auto other = whole;
    other[changed] = std::byte{0x20};
    EXPECT_FALSE(quoted_in_icmp(other)) << changed;
  }
  auto long_header = whole;
  long_header[28] = std::byte{0x4f};  // says that it is longer than what is there
  EXPECT_FALSE(quoted_in_icmp(long_header));
}

TEST(Priorities, ThoseThatAreRewrittenAreAProblem) {
  ArrivedPriorities arrived{};
  EXPECT_EQ(check_priorities(arrived).verdict, Verdict::kUnchecked);
  for (std::uint8_t priority = 0; priority < 8; ++priority) arrived[priority] = priority;
  EXPECT_EQ(check_priorities(arrived).verdict, Verdict::kGood);
  arrived[7] = 0;
  const Finding found = check_priorities(arrived);
  EXPECT_EQ(found.verdict, Verdict::kProblem);
  EXPECT_THAT(found.what, HasSubstr("7 as 0"));
}

TEST(PathMtu, SaysWhetherANarrowLinkIsReported) {
  EXPECT_EQ(check_path_mtu({false, 0, 0}, 1500).verdict, Verdict::kUnchecked);
  EXPECT_EQ(check_path_mtu({true, 1500, 0}, 1500).verdict, Verdict::kGood);
  EXPECT_EQ(check_path_mtu({true, 1400, 1400}, 1500).verdict, Verdict::kNote);
  const Finding hidden = check_path_mtu({true, 1400, 0}, 1500);
  EXPECT_EQ(hidden.verdict, Verdict::kProblem);
  EXPECT_THAT(hidden.cure, HasSubstr("--mtu 1400"));
}

TEST(PathMtu, IsMeasuredOnTheLoopback) {
  for (const char* text : {"127.0.0.1", "::1"}) {
    const auto path = probe_mtu(*Address::parse(text), 4'000);
    ASSERT_TRUE(path) << path.error().text;
    EXPECT_TRUE(path->answers);
    EXPECT_EQ(path->arrives, 4'000U);
  }
}

}  // namespace
}  // namespace homa::tools
