#include "core/accounts.h"

#include <gtest/gtest.h>

namespace homa::core {
namespace {

TEST(Accounts, TheDefaultAccountIsThere) {
  Accounts accounts(1 << 20, 1 << 20);
  ASSERT_NE(accounts.find(kDefaultAccount), nullptr);
  EXPECT_EQ(accounts.find(kDefaultAccount)->id, kDefaultAccount);
  EXPECT_EQ(accounts.find(AccountId{1}), nullptr);
}

TEST(Accounts, EachHasMemoryOfItsOwn) {
  Accounts accounts(1 << 20, 1 << 20);
  Account& other = accounts.open(1 << 20);
  MessageBuffer mine, its;
  ASSERT_TRUE(accounts.find(kDefaultAccount)
                  ->pool.get(mine, accounts.find(kDefaultAccount)->pool.open_share(false), nullptr,
                             1 << 20));
  EXPECT_TRUE(other.pool.get(its, other.pool.open_share(false), nullptr, 1 << 20))
      << "full memory of one account is not another's matter";
  EXPECT_EQ(accounts.receive_bytes_used(), 2U << 20);
  accounts.find(kDefaultAccount)->pool.drop(mine);
  other.pool.drop(its);
}

TEST(Accounts, AnIdIsGivenAgainOnceItsAccountIsGone) {
  Accounts accounts(0, 1 << 20);
  const AccountId first = accounts.open(0).id;
  const AccountId second = accounts.open(0).id;
  EXPECT_NE(first, second);
  accounts.remove(*accounts.find(first));
  EXPECT_EQ(accounts.find(first), nullptr);
  EXPECT_EQ(accounts.open(0).id, first);
}

}  // namespace
}  // namespace homa::core
