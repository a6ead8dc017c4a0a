#include "core/accounts.h"

#include <gtest/gtest.h>

#include <deque>

namespace homa::core {
namespace {

AccountLimits with_memory(std::uint64_t receive_bytes, std::uint64_t guaranteed = 0) {
  AccountLimits limits;
  limits.receive_bytes = receive_bytes;
  limits.memory_guaranteed = guaranteed;
  return limits;
}

TEST(Accounts, TheDefaultAccountIsThere) {
  Accounts accounts(1 << 20, 1 << 20, 100);
  ASSERT_NE(accounts.find(kDefaultAccount), nullptr);
  EXPECT_EQ(accounts.find(kDefaultAccount)->id, kDefaultAccount);
  EXPECT_EQ(accounts.find(AccountId{1}), nullptr);
}

TEST(Accounts, EachHasMemoryOfItsOwn) {
  Accounts accounts(1 << 20, 1 << 20, 100);
  Account& mine = *accounts.find(kDefaultAccount);
  Account& other = *accounts.open(with_memory(1 << 20));
  MessageBuffer my_buffer, its_buffer;
  ASSERT_TRUE(mine.pool.get(my_buffer, mine.pool.open_share(false), nullptr, 1 << 20));
  EXPECT_TRUE(other.pool.get(its_buffer, other.pool.open_share(false), nullptr, 1 << 20))
      << "full memory of one account is not another's matter";
  EXPECT_EQ(accounts.pressure().receive_bytes(), 2U << 20);
  mine.pool.drop(my_buffer);
  other.pool.drop(its_buffer);
  EXPECT_EQ(accounts.pressure().receive_bytes(), 0U);
}

TEST(Accounts, AnIdIsGivenAgainOnceItsAccountIsGone) {
  Accounts accounts(0, 1 << 20, 100);
  const AccountId first = accounts.open({})->id;
  const AccountId second = accounts.open({})->id;
  EXPECT_NE(first, second);
  accounts.remove(*accounts.find(first));
  EXPECT_EQ(accounts.find(first), nullptr);
  EXPECT_EQ(accounts.open({})->id, first);
}

TEST(Accounts, NoMoreIsGuaranteedThanThereIs) {
  Accounts accounts(1 << 20, 1 << 20, 100);
  accounts.pressure().set_total(4 << 20);
  Account* const first = accounts.open(with_memory(2 << 20, 3 << 20));
  ASSERT_NE(first, nullptr);
  EXPECT_EQ(accounts.open(with_memory(2 << 20, 2 << 20)), nullptr);
  ASSERT_NE(accounts.open(with_memory(2 << 20, 1 << 20)), nullptr);
  accounts.remove(*first);
  EXPECT_NE(accounts.open(with_memory(2 << 20, 2 << 20)), nullptr);
}

TEST(Accounts, RpcSlotsAreGuaranteed) {
  Accounts accounts(0, 1 << 20, 100);
  AccountLimits limits;
  limits.rpcs_guaranteed = 40;
  Account& hog = *accounts.open(limits);
  Account& other = *accounts.open(limits);
  int got = 0;
  for (; accounts.has_rpc_slot(hog); ++got) accounts.rpc_began(hog);
  EXPECT_EQ(got, 60) << "its own, and what is nobody's";
  for (got = 0; accounts.has_rpc_slot(other); ++got) accounts.rpc_began(other);
  EXPECT_EQ(got, 40);
  accounts.rpc_ended(hog);
  EXPECT_TRUE(accounts.has_rpc_slot(other));
  EXPECT_TRUE(accounts.has_rpc_slot(hog));
  Account& late = *accounts.open(limits);
  EXPECT_EQ(late.rpcs.guaranteed, 20U) << "there is no more";
}

// Whoever keeps what it received takes from the common part only.
TEST(Accounts, AnAccountWithinItsGuaranteeFindsRoomBesideOneThatHoardsMemory) {
  constexpr std::uint32_t kMessage = 64 << 10;
  Accounts accounts(0, kMessage, 100);
  accounts.pressure().set_total(4 << 20);
  Account& hog = *accounts.open(with_memory(16 << 20, 1 << 20));
  Account& other = *accounts.open(with_memory(16 << 20, 1 << 20));
  PortShare& of_hog = hog.pool.open_share(true);
  std::deque<MessageBuffer> buffers;
  while (hog.pool.get(buffers.emplace_back(), of_hog, nullptr, kMessage)) {
  }
  accounts.note_waiting(hog);
  EXPECT_EQ(accounts.pressure().level(), PressureLevel::kModerate);
  EXPECT_GE(hog.memory.share.used, 2U << 20);
  PortShare& of_other = other.pool.open_share(true);
  for (int i = 0; i < 16; ++i) {
    EXPECT_TRUE(other.pool.get(buffers.emplace_back(), of_other, nullptr, kMessage)) << i;
  }
  EXPECT_FALSE(other.pool.get(buffers.emplace_back(), of_other, nullptr, kMessage));
  accounts.note_waiting(other);
  EXPECT_EQ(accounts.next_waiting(), &hog);
  EXPECT_EQ(accounts.next_waiting(), &other);
  EXPECT_FALSE(accounts.pressure().retry());
  for (MessageBuffer& buffer : buffers) {
    if (buffer.share == &of_hog) hog.pool.drop(buffer);
  }
  EXPECT_TRUE(accounts.pressure().retry());
  EXPECT_EQ(accounts.next_waiting(), &other) << "of the other one nothing waits any more";
  EXPECT_NE(other.pool.serve_waiting(), nullptr);
  for (MessageBuffer& buffer : buffers) {
    if (buffer.share == &of_other) other.pool.drop(buffer);
  }
}

}  // namespace
}  // namespace homa::core
