#include "core/peer_shares.h"

#include <gtest/gtest.h>

namespace homa::core {
namespace {

constexpr AccountId kMine{0}, kYours{1}, kTheirs{2};

TEST(PeerShares, EachAccountHasItsOwn) {
  PeerShares shares;
  PeerShare* const mine = shares.of(kMine);
  ASSERT_NE(mine, nullptr);
  mine->messages = 1;
  mine->bytes = 1'000'000;
  PeerShare* const yours = shares.of(kYours);
  EXPECT_NE(yours, mine);
  EXPECT_EQ(yours->bytes, 0U);
  EXPECT_EQ(shares.of(kMine), mine) << "it stays where it is";
  EXPECT_EQ(mine->bytes, 1'000'000U);
}

TEST(PeerShares, OneThatIsNotInUseServesTheNextAccount) {
  PeerShares shares;
  PeerShare* const first = shares.of(kMine);
  first->turn = 7;
  PeerShare* const second = shares.of(kYours);
  EXPECT_EQ(second, first);
  EXPECT_EQ(second->account, kYours);
  EXPECT_EQ(second->turn, 0U);
  second->messages = 1;
  EXPECT_NE(shares.of(kTheirs), second);
}

}  // namespace
}  // namespace homa::core
