#include "core/path_questions.h"

#include <gtest/gtest.h>

#include <memory>
#include <vector>

namespace homa::core {
namespace {

constexpr std::uint32_t kPayload = 1'400;

std::unique_ptr<Peer> peer_at(std::uint32_t number) {
  auto peer = std::make_unique<Peer>();
  peer->address =
      Address::v4(10, static_cast<std::uint8_t>(number >> 16),
                  static_cast<std::uint8_t>(number >> 8), static_cast<std::uint8_t>(number));
  return peer;
}

TEST(PathQuestions, APeerIsAskedAboutOnceUntilPathsChange) {
  PathQuestions questions;
  const auto peer = peer_at(1);
  questions.ask(*peer, kPayload);
  questions.ask(*peer, kPayload);
  EXPECT_EQ(questions.next(), peer->address);
  EXPECT_FALSE(questions.next());
  questions.ask(*peer, kPayload);
  EXPECT_FALSE(questions.next());
  questions.paths_changed();
  EXPECT_FALSE(questions.next()) << "its next message asks";
  questions.ask(*peer, kPayload);
  EXPECT_EQ(questions.next(), peer->address);
}

TEST(PathQuestions, UntilTheAnswerComesPacketsHaveTheConfiguredLength) {
  PathQuestions questions;
  const auto peer = peer_at(1);
  questions.ask(*peer, kPayload);
  EXPECT_EQ(peer->mtu.payload(), kPayload);
  peer->mtu.set_limit(9'000);
  questions.paths_changed();
  questions.ask(*peer, kPayload);
  EXPECT_EQ(peer->mtu.payload(), 9'000U) << "the former answer holds until the next one";
}

TEST(PathQuestions, QuestionsAreBoundedAndThoseLeftOutAskLater) {
  PathQuestions questions;
  std::vector<std::unique_ptr<Peer>> peers;
  for (std::uint32_t i = 0; i <= PathQuestions::kMost; ++i) {
    peers.push_back(peer_at(i));
    questions.ask(*peers.back(), kPayload);
  }
  for (std::uint32_t i = 0; i < PathQuestions::kMost; ++i) {
    EXPECT_EQ(questions.next(), peers[i]->address);
  }
  EXPECT_FALSE(questions.next());
  EXPECT_EQ(peers.back()->mtu.payload(), kPayload);
  questions.ask(*peers.back(), kPayload);
  EXPECT_EQ(questions.next(), peers.back()->address);
}

}  // namespace
}  // namespace homa::core
