#include "core/ack_book.h"

#include <gtest/gtest.h>

namespace homa::core {
namespace {

TEST(AckBook, HoldsFiveAndGivesThemOneByOneOrAllTogether) {
  AckBook book;
  EXPECT_EQ(raw(book.take_one().client_id), 0U);
  for (std::uint64_t id = 2; id <= 10; id += 2) book.add({WireId{id}, Port{4000}});
  EXPECT_TRUE(book.full());
  EXPECT_NE(raw(book.take_one().client_id), 0U);
  wire::AckHeader packet;
  book.take_all(packet);
  EXPECT_EQ(packet.count, 4);
  EXPECT_EQ(book.size(), 0U);
}

}  // namespace
}  // namespace homa::core
