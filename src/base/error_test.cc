#include "homa/error.h"

#include <gtest/gtest.h>

#include <set>

namespace homa {
namespace {

TEST(ErrorCode, EveryCodeHasItsOwnWords) {
  std::set<std::string_view> words;
  for (unsigned code = 0; code <= 23; ++code) {
    const auto word = to_string(static_cast<ErrorCode>(code));
    EXPECT_NE(word, "unknown error") << code;
    EXPECT_TRUE(words.insert(word).second) << word;
  }
}

TEST(ErrorCode, AnyByteFromTheNetworkHasWords) {
  for (unsigned code = 24; code < 256; ++code) {
    EXPECT_EQ(to_string(static_cast<ErrorCode>(code)), "unknown error");
  }
}

TEST(ErrorCode, NumbersAreFixedByWireAndAbi) {
  EXPECT_EQ(static_cast<int>(ErrorCode::kOk), 0);
  EXPECT_EQ(static_cast<int>(ErrorCode::kTimeout), 1);
  EXPECT_EQ(static_cast<int>(ErrorCode::kNoSuchSocket), 2);
  EXPECT_EQ(static_cast<int>(ErrorCode::kPeerRestarted), 4);
  EXPECT_EQ(static_cast<int>(ErrorCode::kCancelled), 5);
  EXPECT_EQ(static_cast<int>(ErrorCode::kOverloaded), 6);
  EXPECT_EQ(static_cast<int>(ErrorCode::kStale), 17);
  EXPECT_EQ(static_cast<int>(ErrorCode::kPeerSilent), 18);
  EXPECT_EQ(static_cast<int>(ErrorCode::kPeerGone), 19);
  EXPECT_EQ(static_cast<int>(ErrorCode::kWrongProcess), 20);
  EXPECT_EQ(static_cast<int>(ErrorCode::kTooSlow), 21);
  EXPECT_EQ(static_cast<int>(ErrorCode::kEngineLost), 22);
  EXPECT_EQ(static_cast<int>(ErrorCode::kDraining), 23);
  EXPECT_EQ(static_cast<int>(Executed::kNo), 0);
  EXPECT_EQ(static_cast<int>(Executed::kPerhaps), 1);
  EXPECT_EQ(static_cast<int>(Executed::kYes), 2);
}

}  // namespace
}  // namespace homa
