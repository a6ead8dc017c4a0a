#include "client/words.h"

#include <gtest/gtest.h>

#include <set>

namespace homa::client {
namespace {

const SocketAddress kPeer{Address::v4(10, 0, 0, 2), 4000};

TEST(Words, EveryFailureHasASentenceOfItsOwnThatNamesThePeer) {
  std::set<std::string> sentences;
  const auto last = static_cast<int>(ErrorCode::kPeerGone);
  for (int code = 1; code <= last; ++code) {
    const Error error = failure_in_words(static_cast<ErrorCode>(code), Executed::kPerhaps, kPeer);
    EXPECT_EQ(static_cast<int>(error.code), code);
    EXPECT_EQ(error.executed, Executed::kPerhaps);
    if (error.code != ErrorCode::kNoMemory) {
      EXPECT_NE(error.text.find("10.0.0.2"), std::string::npos) << error.text;
    }
    EXPECT_TRUE(sentences.insert(error.text).second) << error.text;
  }
}

TEST(Words, SayWhetherTheRequestWasExecuted) {
  const auto text = [](Executed executed) {
    return failure_in_words(ErrorCode::kPeerSilent, executed, kPeer).text;
  };
  EXPECT_NE(text(Executed::kNo).find("was not executed"), std::string::npos);
  EXPECT_NE(text(Executed::kPerhaps).find("may have been executed"), std::string::npos);
  EXPECT_NE(text(Executed::kYes).find("request was executed"), std::string::npos);
}

}  // namespace
}  // namespace homa::client
