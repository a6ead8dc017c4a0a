#include "preload/socket_table.h"

#include <gtest/gtest.h>

#include <memory>

#include "preload/kernel_socket.h"

namespace homa::preload {
namespace {

class SocketTableTest : public ::testing::Test {
 protected:
  static SocketTable::Entry socket() {
    return std::make_shared<KernelSocket>(nullptr, Engine::Client{}, AF_INET);
  }
  std::unique_ptr<SocketTable> table_ = std::make_unique<SocketTable>();
};

TEST_F(SocketTableTest, FindsWhatWasAddedAndNothingElse) {
  const auto one = socket();
  EXPECT_TRUE(table_->empty());
  EXPECT_TRUE(table_->add(7, one));
  EXPECT_TRUE(SocketTable::may_have(7));
  EXPECT_EQ(table_->find(7), one);
  for (const int other : {-1, 0, 6, 8, SocketTable::kDescriptors, 1 << 30}) {
    EXPECT_FALSE(SocketTable::may_have(other));
    EXPECT_EQ(table_->find(other), nullptr);
  }
  EXPECT_EQ(table_->remove(7), one);
  EXPECT_EQ(table_->remove(7), nullptr);
  EXPECT_FALSE(SocketTable::may_have(7));
  EXPECT_TRUE(table_->empty());
}

TEST_F(SocketTableTest, ANumberTakenAgainNamesTheNewSocket) {
  const auto first = socket(), second = socket();
  EXPECT_TRUE(table_->add(3, first));
  EXPECT_TRUE(table_->add(3, second));
  EXPECT_EQ(table_->find(3), second);
}

TEST_F(SocketTableTest, NumbersBeyondTheTableAreRefused) {
  EXPECT_FALSE(table_->add(SocketTable::kDescriptors, socket()));
  EXPECT_FALSE(table_->add(-1, socket()));
}

TEST_F(SocketTableTest, ARangeIsRemovedAtOnce) {
  for (const int fd : {3, 4, 10, 20}) EXPECT_TRUE(table_->add(fd, socket()));
  EXPECT_EQ(table_->remove_range(4, 10).size(), 2U);
  EXPECT_TRUE(SocketTable::may_have(3));
  EXPECT_TRUE(SocketTable::may_have(20));
  EXPECT_EQ(table_->remove_range(0, ~0U).size(), 2U);
  EXPECT_TRUE(table_->empty());
}

}  // namespace
}  // namespace homa::preload
