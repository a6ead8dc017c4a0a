#include "tools/bench/answers.h"

#include <gtest/gtest.h>

#include <vector>

namespace homa::tools {
namespace {

TEST(BenchAnswers, AreAsLongAsTheRequestOrAsAskedFor) {
  const BenchPattern pattern(1'000);
  const auto request = pattern.message(BenchPattern::request_tag(7), 300);
  EXPECT_EQ(BenchAnswers(pattern, 0).to(request).bytes, 300U);
  EXPECT_EQ(BenchAnswers(pattern, 20).to(request).bytes, 20U);
  EXPECT_EQ(BenchAnswers(pattern, 5'000).to(request).bytes, 1'000U);
}

TEST(BenchAnswers, NoticeADamagedRequest) {
  const BenchPattern pattern(1'000);
  const auto sent = pattern.message(BenchPattern::request_tag(7), 300);
  std::vector<std::byte> request(sent.begin(), sent.end());
  EXPECT_TRUE(BenchAnswers(pattern, 0).to(request).intact);
  request[299] ^= std::byte{1};
  EXPECT_FALSE(BenchAnswers(pattern, 0).to(request).intact);
}

TEST(BenchAnswers, TheTagIsTheOneThatTheClientExpects) {
  const BenchPattern pattern(1'000);
  const std::uint8_t tag = BenchPattern::request_tag(9);
  EXPECT_EQ(BenchAnswers(pattern, 0).to(pattern.message(tag, 10)).tag,
            BenchPattern::response_tag(tag));
}

}  // namespace
}  // namespace homa::tools
