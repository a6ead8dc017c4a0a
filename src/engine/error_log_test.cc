#include "engine/error_log.h"

#include <gtest/gtest.h>

#include <array>

namespace homa::engine {
namespace {

class ErrorLogTest : public ::testing::Test {
 protected:
  static SocketAddress peer(std::uint8_t last) { return {Address::v4(10, 0, 0, last), 4000}; }
  const trace::ErrorEntry* find(std::uint8_t last) const {
    for (const trace::ErrorEntry& entry : entries_) {
      if (entry.count > 0 && entry.peer.ip == peer(last).host.ip) return &entry;
    }
    return nullptr;
  }

  std::array<trace::ErrorEntry, 4> entries_{};
  ErrorLog log_{entries_};
};

TEST_F(ErrorLogTest, TheSameErrorCountsUp) {
  log_.note(10, ErrorCode::kPeerSilent, Executed::kPerhaps, peer(1));
  log_.note(20, ErrorCode::kPeerSilent, Executed::kPerhaps, peer(1));
  const auto* entry = find(1);
  ASSERT_NE(entry, nullptr);
  EXPECT_EQ(entry->count, 2U);
  EXPECT_EQ(entry->first, 10);
  EXPECT_EQ(entry->last, 20);
  EXPECT_EQ(trace::text_of(entry->text), to_string(ErrorCode::kPeerSilent));
  EXPECT_EQ(entry->version.load() % 2, 0U);
}

TEST_F(ErrorLogTest, AnotherPeerOrCodeIsAnotherError) {
  log_.note(10, ErrorCode::kPeerSilent, Executed::kPerhaps, peer(1));
  log_.note(10, ErrorCode::kTimeout, Executed::kPerhaps, peer(1));
  log_.note(10, ErrorCode::kTimeout, Executed::kPerhaps, peer(2));
  log_.note(10, ErrorCode::kNoMemory, "the engine has stopped");
  for (const trace::ErrorEntry& entry : entries_) EXPECT_EQ(entry.count, 1U);
}

TEST_F(ErrorLogTest, WhatDidNotHappenForTheLongestTimeGivesWay) {
  for (std::uint8_t i = 1; i <= 4; ++i) {
    log_.note(i, ErrorCode::kTimeout, Executed::kPerhaps, peer(i));
  }
  log_.note(5, ErrorCode::kTimeout, Executed::kPerhaps, peer(1));
  log_.note(6, ErrorCode::kTimeout, Executed::kPerhaps, peer(5));
  EXPECT_EQ(find(2), nullptr);
  for (const int kept : {1, 3, 4, 5}) {
    EXPECT_NE(find(static_cast<std::uint8_t>(kept)), nullptr) << kept;
  }
}

}  // namespace
}  // namespace homa::engine
