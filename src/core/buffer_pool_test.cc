#include "core/buffer_pool.h"

#include <gtest/gtest.h>

#include <array>
#include <deque>

namespace homa::core {
namespace {

constexpr std::uint32_t kLength = 32 * 1024;
constexpr std::uint32_t kLong = 900'000;
constexpr std::uint32_t kLongest = 1'000'000;
constexpr std::uint64_t kMemory = 64 << 20;

// Of an account that shares its memory with nobody.
struct Alone {
  MemoryPressure pressure{QuotaShare::kUnlimited};
  MemoryUse use;
};
struct PoolAlone : private Alone, BufferPool {
  PoolAlone(std::uint64_t bytes, std::uint32_t longest)
      : BufferPool(bytes, longest, pressure, use) {}
};

// How many messages of `length` the share gets now; the first that does not waits.
std::size_t fill(BufferPool& pool, PortShare& share, std::uint32_t length,
                 std::deque<MessageBuffer>& buffers) {
  std::size_t count = 0;
  while (pool.get(buffers.emplace_back(), share, nullptr, length)) ++count;
  return count;
}

TEST(BufferPool, BuffersDoNotOverlapAndComeBack) {
  PoolAlone pool(2 * kLength, kLength);
  PortShare& share = pool.open_share(true);
  std::array<MessageBuffer, 2> buffers;
  for (MessageBuffer& buffer : buffers) ASSERT_TRUE(pool.get(buffer, share, nullptr, kLength));
  EXPECT_NE(buffers[0].offset, buffers[1].offset);
  EXPECT_EQ(pool.used(), 2 * kLength);
  for (MessageBuffer& buffer : buffers) pool.drop(buffer);
  EXPECT_EQ(pool.used(), 0U);
}

TEST(BufferPool, AMessageWithoutRoomWaitsAndIsServedInItsTurn) {
  PoolAlone pool(kLength, kLength);
  PortShare& share = pool.open_share(false);
  std::array<MessageBuffer, 3> buffers;
  ASSERT_TRUE(pool.get(buffers[0], share, nullptr, kLength))
      << "the only room is for whoever comes";
  EXPECT_FALSE(pool.get(buffers[1], share, nullptr, kLength));
  EXPECT_FALSE(pool.get(buffers[2], share, nullptr, kLength));
  EXPECT_TRUE(buffers[1].waits());
  EXPECT_EQ(pool.serve_waiting(), nullptr);
  pool.drop(buffers[0]);
  EXPECT_EQ(pool.serve_waiting(), &buffers[1]);
  EXPECT_TRUE(buffers[1].held);
  EXPECT_EQ(pool.serve_waiting(), nullptr);
  pool.drop(buffers[2]);  // gave up while it waited
  EXPECT_FALSE(pool.waiting());
  pool.drop(buffers[1]);
  EXPECT_EQ(pool.used(), 0U);
}

TEST(BufferPool, WhatWasHandedOverStaysUntilItIsReleased) {
  PoolAlone pool(kLength, kLength);
  PortShare& share = pool.open_share(false);
  MessageBuffer buffer;
  ASSERT_TRUE(pool.get(buffer, share, nullptr, kLength));
  pool.hand_over(buffer);
  pool.drop(buffer);        // its RPC ends
  pool.close_share(share);  // and so does its port
  EXPECT_EQ(pool.used(), kLength);
  EXPECT_FALSE(pool.release(buffer.offset + 256, kLength)) << "no buffer begins there";
  EXPECT_TRUE(pool.release(buffer.offset, kLength));
  EXPECT_FALSE(pool.release(buffer.offset, kLength)) << "it was released before";
  EXPECT_EQ(pool.used(), 0U);
}

TEST(BufferPool, AnUnlimitedPoolTakesEverything) {
  PoolAlone pool(0, kLength);
  MessageBuffer buffer;
  EXPECT_TRUE(pool.get(buffer, pool.open_share(false), nullptr, 0xffffffff));
  EXPECT_EQ(pool.used(), 0U);
  pool.drop(buffer);
}

TEST(BufferPool, WithoutMemoryEveryMessageWaitsUntilItIsGiven) {
  PoolAlone pool(BufferPool::kMemoryFollows, kLongest);
  PortShare& requests = pool.open_share(false);
  PortShare& responses = pool.open_share(true);
  PeerShare peer;
  std::array<MessageBuffer, 4> buffers;
  EXPECT_FALSE(pool.get(buffers[0], requests, &peer, kLong));
  EXPECT_FALSE(pool.get(buffers[1], requests, nullptr, 100));
  EXPECT_FALSE(pool.get(buffers[2], responses, nullptr, kLength));
  EXPECT_FALSE(pool.get(buffers[3], responses, nullptr, 100));
  EXPECT_EQ(pool.serve_waiting(), nullptr);
  EXPECT_FALSE(pool.release(BufferOffset{0}, 100));
  pool.drop(buffers[3]);  // gave up while it waited
  pool.give_memory(kMemory);
  int served = 0;
  while (pool.serve_waiting() != nullptr) ++served;
  EXPECT_EQ(served, 3);
  EXPECT_FALSE(pool.waiting());
  EXPECT_FALSE(buffers[3].held);
  for (MessageBuffer& buffer : buffers) pool.drop(buffer);
  EXPECT_EQ(pool.used(), 0U);
  MessageBuffer later;
  EXPECT_TRUE(pool.get(later, requests, &peer, kLong)) << "an ordinary pool from then on";
  pool.drop(later);
}

// The response that a request's handler waits for would never come otherwise.
TEST(BufferPool, RequestsLeaveRoomForResponses) {
  std::deque<MessageBuffer> requests, responses;
  PoolAlone pool(kMemory, kLongest);
  for (int port = 0; port < 50; ++port) fill(pool, pool.open_share(false), kLong, requests);
  EXPECT_GE(fill(pool, pool.open_share(true), kLong, responses), 4U);
}

TEST(BufferPool, LongMessagesLeaveRoomForShortOnes) {
  std::deque<MessageBuffer> messages;
  PoolAlone pool(kMemory, kLongest);
  for (int port = 0; port < 50; ++port) fill(pool, pool.open_share(false), kLong, messages);
  for (int port = 0; port < 50; ++port) fill(pool, pool.open_share(true), kLong, messages);
  MessageBuffer request, response;
  EXPECT_TRUE(pool.get(request, pool.open_share(false), nullptr, 1'000));
  EXPECT_TRUE(pool.get(response, pool.open_share(true), nullptr, 1'000));
  pool.drop(request);
  pool.drop(response);
}

// A socket that nobody reads, or a client that leaves its responses unread.
TEST(BufferPool, APortThatKeepsEverythingLeavesRoomForOthers) {
  for (const bool responses : {false, true}) {
    for (const std::uint32_t length : {1'000U, 100'000U, 500'000U, kLong}) {
      std::deque<MessageBuffer> kept, others;
      PoolAlone pool(kMemory, kLongest);
      EXPECT_GT(fill(pool, pool.open_share(responses), length, kept), 0U);
      EXPECT_GT(fill(pool, pool.open_share(responses), length, others), 0U) << length;
      EXPECT_GT(fill(pool, pool.open_share(responses), length, others), 0U) << length;
    }
  }
}

TEST(BufferPool, WhoCannotBeServedHoldsUpNobody) {
  std::deque<MessageBuffer> kept, others;
  PoolAlone pool(kMemory, kLongest);
  PortShare& hog = pool.open_share(false);
  PortShare& other = pool.open_share(false);
  fill(pool, hog, kLong, kept);  // its last one waits
  for (int i = 0; i < 100; ++i) pool.get(kept.emplace_back(), hog, nullptr, kLong);
  fill(pool, other, kLong, others);
  MessageBuffer& waits = others.back();
  ASSERT_TRUE(waits.waits());
  while (others.size() > 1) {
    pool.drop(others.front());
    others.pop_front();
  }
  while (pool.serve_waiting() != nullptr) {
  }
  EXPECT_TRUE(waits.held);
}

TEST(BufferPool, TheShortestIsServedFirst) {
  std::deque<MessageBuffer> kept;
  MessageBuffer longer, shorter;
  PoolAlone pool(8 << 20, kLongest);  // few areas: one zone for all
  PortShare& share = pool.open_share(true);
  fill(pool, share, 500'000, kept);  // its last one waits
  for (const std::uint32_t length : {250'000U, 120'000U, 60'000U, 30'000U, 15'000U}) {
    fill(pool, share, length, kept);
  }
  ASSERT_FALSE(pool.get(longer, share, nullptr, kLong));
  ASSERT_FALSE(pool.get(shorter, share, nullptr, 10'000));
  pool.drop(kept.front());
  EXPECT_EQ(pool.serve_waiting()->length, 15'000U) << "came before";
  EXPECT_EQ(pool.serve_waiting(), &shorter);
  EXPECT_EQ(pool.serve_waiting()->length, 30'000U);
}

// Messages that arrive, of peers that share a port.
struct BufferPoolOfPeers : testing::Test {
  // How many messages of the peer get a buffer of `count` that begin.
  std::size_t begin(PeerShare& peer, std::size_t count) {
    std::size_t got = 0;
    for (std::size_t i = 0; i < count; ++i) {
      if (pool.get(buffers.emplace_back(), port, &peer, kLong)) ++got;
    }
    return got;
  }

  std::deque<MessageBuffer> buffers;  // the pool goes before them
  PoolAlone pool{kMemory, kLongest};
  PortShare& port = pool.open_share(false);
  PeerShare hog, other, third;
};

TEST_F(BufferPoolOfPeers, APeerLeavesRoomToOthersOfItsPort) {
  EXPECT_EQ(begin(hog, 100), 13U) << "a third of what requests of that size may have";
  EXPECT_GE(begin(other, 100), 7U);
  EXPECT_GE(begin(third, 100), 3U);
}

TEST_F(BufferPoolOfPeers, ACompleteMessageIsItsPortsAlone) {
  EXPECT_EQ(begin(hog, 13), 13U);
  EXPECT_EQ(begin(hog, 1), 0U);
  pool.drop(buffers.back());
  for (int i = 0; i < 8; ++i) pool.hand_over(buffers[static_cast<std::size_t>(i)]);
  EXPECT_EQ(begin(hog, 1), 1U);
}

// However many messages a peer has in line, another one's is served in its turn.
TEST_F(BufferPoolOfPeers, PeersThatWaitTakeTurns) {
  begin(hog, 100);
  begin(other, 100);
  begin(third, 100);
  PeerShare late;
  while (begin(late, 1) == 1) {
  }
  MessageBuffer* const waits = &buffers.back();
  int served = 0;
  for (MessageBuffer& buffer : buffers) {
    if (!buffer.held || buffer.peer != &hog) continue;
    pool.drop(buffer);
    ++served;
    while (pool.serve_waiting() != nullptr) {
    }
    if (waits->held) break;
  }
  EXPECT_LE(served, 3);
}

}  // namespace
}  // namespace homa::core
