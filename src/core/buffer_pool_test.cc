#include "core/buffer_pool.h"

#include <gtest/gtest.h>

#include <array>

namespace homa::core {
namespace {

constexpr std::uint32_t kLength = 32 * 1024;

TEST(BufferPool, BuffersDoNotOverlapAndComeBack) {
  BufferPool pool(2 * kLength);
  std::array<MessageBuffer, 2> buffers;
  for (MessageBuffer& buffer : buffers) ASSERT_TRUE(pool.get(buffer, kLength));
  EXPECT_NE(buffers[0].offset, buffers[1].offset);
  EXPECT_EQ(pool.used(), 2 * kLength);
  for (MessageBuffer& buffer : buffers) pool.drop(buffer);
  EXPECT_EQ(pool.used(), 0U);
}

TEST(BufferPool, AMessageWithoutRoomWaitsAndIsServedInItsTurn) {
  BufferPool pool(kLength);
  std::array<MessageBuffer, 3> buffers;
  ASSERT_TRUE(pool.get(buffers[0], kLength));
  EXPECT_FALSE(pool.get(buffers[1], kLength));
  EXPECT_FALSE(pool.get(buffers[2], kLength));
  EXPECT_TRUE(buffers[1].waits());
  EXPECT_EQ(pool.serve_waiting(), nullptr);
  pool.drop(buffers[0]);
  EXPECT_EQ(pool.serve_waiting(), &buffers[1]);
  EXPECT_TRUE(buffers[1].held);
  EXPECT_EQ(pool.serve_waiting(), nullptr);
  pool.drop(buffers[2]);  // gave up while it waited
  pool.drop(buffers[1]);
  EXPECT_EQ(pool.serve_waiting(), nullptr);
  EXPECT_EQ(pool.used(), 0U);
}

TEST(BufferPool, WhatWasHandedOverStaysUntilItIsReleased) {
  BufferPool pool(kLength);
  MessageBuffer buffer;
  ASSERT_TRUE(pool.get(buffer, kLength));
  pool.hand_over(buffer);
  pool.drop(buffer);  // its RPC ends
  EXPECT_EQ(pool.used(), kLength);
  EXPECT_FALSE(pool.release(buffer.offset + 256, kLength)) << "no buffer begins there";
  EXPECT_TRUE(pool.release(buffer.offset, kLength));
  EXPECT_FALSE(pool.release(buffer.offset, kLength)) << "it was released before";
  EXPECT_EQ(pool.used(), 0U);
}

TEST(BufferPool, AnUnlimitedPoolTakesEverything) {
  BufferPool pool(0);
  MessageBuffer buffer;
  EXPECT_TRUE(pool.get(buffer, 0xffffffff));
  EXPECT_EQ(pool.used(), 0U);
  pool.drop(buffer);
}

}  // namespace
}  // namespace homa::core
