#include "io/error_queue.h"

#include <gtest/gtest.h>

#include <array>

namespace homa::io {
namespace {

const Address kPeer = Address::v4(10, 0, 0, 1);

TEST(ErrorQueue, GivesErrorsInOrderWithTheQuotedHeader) {
  ErrorQueue queue(Carrier::kUdp, 0);
  std::array<std::byte, 40> header;
  header.fill(std::byte{7});
  queue.add(IoError::Kind::kHostUnreachable, kPeer, std::span(header).first(5));
  queue.add(IoError::Kind::kPortUnreachable, kPeer, header);
  std::array<IoError, 3> errors;
  ASSERT_EQ(queue.take(std::span(errors).first(1)), 1U);
  EXPECT_EQ(errors[0].kind, IoError::Kind::kHostUnreachable);
  EXPECT_EQ(errors[0].peer, kPeer);
  EXPECT_EQ(errors[0].quoted_length, 5U);
  ASSERT_EQ(queue.take(errors), 1U);
  EXPECT_EQ(errors[0].quoted_length, errors[0].quoted.size());
  EXPECT_TRUE(queue.empty());
}

TEST(ErrorQueue, IsBounded) {
  ErrorQueue queue(Carrier::kUdp, 0);
  for (int i = 0; i < 1000; ++i) queue.add(IoError::Kind::kHostUnreachable, kPeer, {});
  std::array<IoError, 1000> errors;
  EXPECT_EQ(queue.take(errors), 64U);
}

}  // namespace
}  // namespace homa::io
